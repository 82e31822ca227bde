"""What places of generated towns are called."""

from __future__ import annotations

from typing import Final

from pixelopolis.city.model import LANGUAGES

PLACE_NAMES: Final = {
    "museum": (
        "Museum",
        "博物館",
        "พิพิธภัณฑ์",
        "Museo",
        "المتحف",
        "박물관",
        "博物馆",
        "Musée",
        "Museum",
        "संग्रहालय",
    ),
    "landmark": (
        "Tower",
        "タワー",
        "หอคอย",
        "Torre",
        "البرج",
        "타워",
        "高塔",
        "Tour",
        "Turm",
        "मीनार",
    ),
    "planetarium": (
        "Planetarium",
        "プラネタリウム",
        "ท้องฟ้าจำลอง",
        "Planetario",
        "القبة السماوية",
        "천문관",
        "天文馆",
        "Planétarium",
        "Planetarium",
        "तारामंडल",
    ),
    "town": (
        "Market",
        "市場",
        "ตลาด",
        "Mercado",
        "السوق",
        "시장",
        "市场",
        "Marché",
        "Markt",
        "बाज़ार",
    ),
    "wedding": (
        "Wedding hall",
        "結婚式場",
        "ห้องจัดงานแต่งงาน",
        "Salón de bodas",
        "قاعة الأفراح",
        "결혼식장",
        "婚礼堂",
        "Salle de mariage",
        "Hochzeitssaal",
        "विवाह भवन",
    ),
}
"""By kind, in the order of `LANGUAGES`."""


def names_toml(kind: str) -> str:
    """Return the line of a town file that names a place of a kind."""
    names = zip(LANGUAGES, PLACE_NAMES[kind], strict=True)
    return "name = {" + ", ".join(f'{lang} = "{text}"' for lang, text in names) + "}"
