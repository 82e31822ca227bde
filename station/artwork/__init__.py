"""The page's illustrations as code: `python -m station.artwork.draw` writes station/pictures."""
