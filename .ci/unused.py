"""Names that vulture finds unused, and why they are there; it reads this file as if it used them.

Remove a line with the code that it is about.
"""

# the port that the Dynamixel SDK is handed: it calls these
_.getBaudRate
_.getCurrentTime
_.setPacketTimeout
_.readPort
_.is_using

# set for a library to read: pyserial
_.exclusive
# logging
_.levelname
_.levelno
# named in a cast as text
IO
# moderngl
_.binding
_.blend_func
_.depth_func
_.front_face
_.repeat_x
_.repeat_y
_.scissor
# TensorFlow's converter and Keras
_.allow_custom_ops
_.inference_input_type
_.inference_output_type
_.jit_compile
_.optimizations
_.representative_dataset
_.stop_training
_.supported_types
# pycocotools
_.areaRng
_.areaRngLbl
_.cocoDt
_.maxDets

# parts of the boards' programs, and choices that a command line takes by their text
_.BOARD_LED
_.FAN
_.MOTOR_LED
_.GEOMETRIC
_.TEST
_.UNCOLORED
_.VAL

# written to a file as a field of a dataclass
_.model_sha256

# read by name, with getattr
_.itself
_.over_standing

# what tests look at, or wait by
_.asked_again
_.range_sigma_m
_.release_emergency_stop

# click reads it
_.default_map
