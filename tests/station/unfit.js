// Controls that are too small, words that are cut off or outside, a page that scrolls where it
// should not: a list of complaints.
// `width` is the screen's: a phone widens its window to what does not fit, and hides the fault.
([width, isPhone, leastPx]) => {
  const bad = [];
  const shown = e => e.checkVisibility({ visibilityProperty: true });
  for (const e of document.querySelectorAll("button, .place")) {
    const { width: across, height } = e.getBoundingClientRect();
    if (shown(e) && Math.min(across, height) < leastPx) bad.push(`${e.id || e.className} is small`);
  }
  for (const e of document.querySelectorAll("h1, p, button, figcaption, .place-name, strong")) {
    if (!shown(e) || e.closest(".unseen")) continue;
    const box = e.getBoundingClientRect();
    if (box.left < -1 || box.right > width + 1) bad.push(`${e.id || e.className} is outside`);
    const isCut = e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1;
    if (isCut) bad.push(`${e.id || e.className} is cut`);
  }
  const root = document.scrollingElement;
  if (root.scrollWidth > width + 1) bad.push("scrolls sideways");
  if (!isPhone && root.scrollHeight > innerHeight + 1) bad.push("scrolls");
  return bad;
}
