"""The sign classes that cars know, in the order of the original's label file."""

SIGN_CLASSES = (
    "Hand",
    "Go",
    "Slow",
    "Speed_limit",
    "No_parking",
    "Left",
    "Cross",
    "Plane",
    "Bump",
    "Stop_sign",
    "Traffic_light",
    "Left_or_through",
    "Sign01",
    "One_way",
    "Car",
    "Tokyo_tower",
    "Korean",
    "Church",
    "Planetarium",
    "Museum",
)
