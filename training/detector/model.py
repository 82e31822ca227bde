"""The detector's network: a small SSD with most capacity at the resolution of 12 px signs.

The backbone is like MobileNet-EdgeTPU's: fused inverted bottlenecks (a full convolution expands,
1x1 projects) at high resolution, depthwise ones deeper down, BatchNorm and ReLU6 throughout. A
short top-down path brings deep features to stride 8. An Edge TPU supports every operator.
"""

from __future__ import annotations

from typing import Any, Final

from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.model_io.crops import DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX
from training.common.backend import tf
from training.detector.anchors import LEVELS

BATCH_NORM_MOMENTUM: Final = 0.98
PRIOR: Final = 0.02
"""Objectness of an untrained cell: most cells are empty."""


def build(width: float = 1.0) -> Any:
    """Return the network: images scaled to [-1, 1] (b, 160, 240, 3) in, outputs of each cell out.

    The outputs, for `training.detector.anchors.CELLS`: `objectness` (b, cells, 1) and `classes` (b,
    cells, 20) as logits, and `boxes` (b, cells, 4) as offsets (y, x, height, width).

    Args:
        width: factor on the channels of every hidden layer, 0.1..2.
    """
    net = _Layers(width)
    pictures = tf.keras.layers.Input((DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX, 3), name="picture")
    x = net.conv(pictures, 16, 3, stride=2, name="stem")
    x = net.fused(x, 64, 32, stride=2, name="s4")
    x = net.fused(x, 128, 48, stride=2, name="s8a")
    s8 = net.fused(x, 96, 48, name="s8b")
    x = net.depthwise(s8, 192, 72, stride=2, name="s16a")
    s16 = net.depthwise(x, 288, 72, name="s16b")
    x = net.depthwise(s16, 288, 96, stride=2, name="s32a")
    s32 = net.depthwise(x, 384, 96, name="s32b")

    p16 = net.merge(s16, s32, 72, name="up16")
    p8 = net.merge(s8, p16, 48, name="up8")
    p8 = net.fused(p8, 64, 48, name="p8")
    p16 = net.depthwise(p16, 216, 72, name="p16")

    levels = zip((p8, p16, s32), LEVELS, strict=True)
    heads = [net.head(x, stride=level.stride_px) for x, level in levels]
    outputs = {
        name: tf.keras.layers.Concatenate(axis=1, name=name)([head[name] for head in heads])
        for name in heads[0]
    }
    return tf.keras.Model(pictures, outputs, name="detector")


class _Layers:
    """The building blocks at one width."""

    def __init__(self, width: float) -> None:
        self.width = width

    def channels(self, channels: int) -> int:
        """Round to a multiple of 8, which hardware prefers."""
        return max(8, round(channels * self.width / 8) * 8)

    def conv(
        self, x: Any, channels: int, kernel: int, *, name: str, stride: int = 1, relu: bool = True
    ) -> Any:
        layers = tf.keras.layers
        x = layers.Conv2D(
            self.channels(channels),
            kernel,
            stride,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{name}_conv",
        )(x)
        x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_norm")(x)
        return layers.ReLU(6.0, name=f"{name}_relu")(x) if relu else x

    def dw(self, x: Any, *, name: str, stride: int = 1) -> Any:
        layers = tf.keras.layers
        x = layers.DepthwiseConv2D(
            3,
            stride,
            padding="same",
            use_bias=False,
            depthwise_initializer="he_normal",
            name=f"{name}_conv",
        )(x)
        x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_norm")(x)
        return layers.ReLU(6.0, name=f"{name}_relu")(x)

    def fused(self, x: Any, expand: int, channels: int, *, name: str, stride: int = 1) -> Any:
        y = self.conv(x, expand, 3, stride=stride, name=f"{name}_expand")
        return self._add(x, self.conv(y, channels, 1, relu=False, name=f"{name}_project"), name)

    def depthwise(self, x: Any, expand: int, channels: int, *, name: str, stride: int = 1) -> Any:
        y = self.conv(x, expand, 1, name=f"{name}_expand")
        y = self.dw(y, stride=stride, name=f"{name}_depthwise")
        return self._add(x, self.conv(y, channels, 1, relu=False, name=f"{name}_project"), name)

    @staticmethod
    def _add(x: Any, y: Any, name: str) -> Any:
        return tf.keras.layers.Add(name=f"{name}_add")([x, y]) if x.shape == y.shape else y

    def merge(self, fine: Any, coarse: Any, channels: int, *, name: str) -> Any:
        """Add a coarse level, upsampled twofold (nearest), to a fine one."""
        layers = tf.keras.layers
        fine = self.conv(fine, channels, 1, relu=False, name=f"{name}_fine")
        coarse = self.conv(coarse, channels, 1, relu=False, name=f"{name}_coarse")
        coarse = layers.Resizing(
            2 * coarse.shape[1], 2 * coarse.shape[2], "nearest", name=f"{name}_double"
        )(coarse)
        if over := coarse.shape[2] - fine.shape[2]:  # 15 columns came from 8
            coarse = layers.Cropping2D(((0, 0), (0, over)), name=f"{name}_crop")(coarse)
        return layers.Add(name=f"{name}_add")([fine, coarse])

    def head(self, x: Any, stride: int) -> dict[str, Any]:
        name = f"head{stride}"
        what = self.conv(self.dw(x, name=f"{name}_what"), 96, 1, name=f"{name}_classes_hidden")
        where = self.conv(self.dw(x, name=f"{name}_where"), 48, 1, name=f"{name}_boxes_hidden")
        prior = -float(tf.math.log((1 - PRIOR) / PRIOR))
        return {
            "objectness": self._out(where, 1, f"{name}_objectness", prior),
            "classes": self._out(what, len(SIGN_CLASSES), f"{name}_classes"),
            "boxes": self._out(where, 4, f"{name}_boxes"),
        }

    @staticmethod
    def _out(x: Any, values: int, name: str, bias: float = 0.0) -> Any:
        layers = tf.keras.layers
        x = layers.Conv2D(
            values, 1, bias_initializer=tf.keras.initializers.Constant(bias), name=name
        )(x)
        return layers.Reshape((-1, values), name=f"{name}_flat")(x)
