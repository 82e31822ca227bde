// Controls that are too small, words that are cut off or outside, a page that scrolls where it
// should not: a list of complaints.
// `width` is the screen's: a phone widens its window to what does not fit, and hides the fault.
([width, mostHeights, leastPx]) => {
  const bad = [];
  const shown = e => e.checkVisibility({ visibilityProperty: true }) && !e.closest(".unseen");
  const open = [...document.querySelectorAll("dialog[open]")].at(-1);
  const root = open ?? document.body;
  const nameOf = e => e.id || e.className || `${e.tagName} in ${e.parentElement.className}`;
  for (const e of root.querySelectorAll("button, .place")) {
    const { width: across, height } = e.getBoundingClientRect();
    if (shown(e) && Math.min(across, height) < leastPx) bad.push(`${nameOf(e)} is small`);
  }
  const words = "h1, h2, h3, p, small, button, button span, figcaption, .place-name, strong";
  for (const e of root.querySelectorAll(words)) {
    if (!shown(e) || !e.textContent.trim()) continue;
    const box = e.getBoundingClientRect();
    if (box.left < -1 || box.right > width + 1) bad.push(`${nameOf(e)} is outside`);
    const isCut = e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1;
    if (isCut) bad.push(`${nameOf(e)} is cut`);
    const around = e.parentElement.closest("button, .place, .ticket, .panel, .postcard");
    const frame = around?.getBoundingClientRect();
    if (frame && (box.top < frame.top - 2 || box.bottom > frame.bottom + 2)) {
      bad.push(`${nameOf(e)} reaches out of ${nameOf(around)}`);
    }
  }
  for (const e of root.querySelectorAll(".thoughts, .places")) {
    if (shown(e) && e.scrollHeight > e.clientHeight + 2) bad.push(`${nameOf(e)} is cut below`);
  }
  const boxes = [...root.querySelectorAll(".panel, .ticket, .book-bar, .choose h1, .places")]
    .filter(shown)
    .filter(e => getComputedStyle(e).position !== "fixed")
    .map(e => [e, e.getBoundingClientRect()]);
  for (const [i, [a, p]] of boxes.entries()) {
    for (const [b, q] of boxes.slice(i + 1)) {
      const across = Math.min(p.right, q.right) - Math.max(p.left, q.left);
      const down = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
      if (across > 2 && down > 2 && !a.contains(b)) bad.push(`${nameOf(a)} and ${nameOf(b)} overlap`);
    }
    if (p.height < 60 && a.matches(".panel")) bad.push(`${nameOf(a)} is only a strip`);
  }
  // a place that a grid keeps for what is not there
  const main = document.querySelector("main");
  if (!open && getComputedStyle(main).display === "grid" && boxes.length) {
    const around = main.getBoundingClientRect();
    for (const [from, to] of [["left", "right"], ["top", "bottom"]]) {
      let end = around[from];
      let empty = 0;
      for (const [, box] of boxes.toSorted(([, p], [, q]) => p[from] - q[from])) {
        empty = Math.max(empty, box[from] - end);
        end = Math.max(end, box[to]);
      }
      empty = Math.max(empty, around[to] - end);
      if (empty > 0.2 * (around[to] - around[from])) bad.push(`${Math.round(empty)} px are empty ${from} to ${to}`);
    }
  }
  // the brand is where reading begins
  const brand = document.querySelector(".brand").getBoundingClientRect();
  const before = document.documentElement.dir === "rtl" ? width - brand.right : brand.left;
  if (before > 0.1 * width) bad.push(`the brand is ${Math.round(before)} px from its edge`);
  const title = open?.querySelector("h2")?.getBoundingClientRect();
  if (title && title.top < open.getBoundingClientRect().top) bad.push(`${nameOf(open)} hides its title`);
  const page = document.scrollingElement;
  if (page.scrollWidth > width + 1) bad.push("scrolls sideways");
  if (page.scrollHeight > innerHeight * mostHeights + 1) {
    bad.push(`is ${page.scrollHeight} px long on ${innerHeight}`);
  }
  return bad;
}
