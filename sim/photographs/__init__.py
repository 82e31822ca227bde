"""Lane models on recordings of real cars: readers, camera fit, re-projection, measurements."""
