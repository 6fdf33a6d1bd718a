"""Exports by PaddlePaddle and paddle2onnx: paddle_export.py FOLDER [PART OF A NAME]..."""
import os
import sys

import onnx
import paddle
import paddle2onnx
import paddle.nn.functional as F
from paddle import nn

from case import Cases, images


def conv_bn(inputs, outputs, kernel=3, stride=1, groups=1, activation=nn.ReLU):
    return nn.Sequential(nn.Conv2D(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias_attr=False),
                         nn.BatchNorm2D(outputs), activation())


class Plain(nn.Layer):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(conv_bn(3, 8), nn.MaxPool2D(2), conv_bn(8, 16, 5, activation=nn.ReLU6), nn.AvgPool2D(3, 2, 1))
        self.head = nn.Sequential(nn.Linear(16 * 64, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 10))

    def forward(self, x):
        return F.softmax(self.head(paddle.flatten(self.body(x), 1)))


class Residual(nn.Layer):
    def __init__(self):
        super().__init__()
        self.stem, self.a, self.b = conv_bn(3, 8), conv_bn(8, 16, 3, 2), nn.Sequential(nn.Conv2D(16, 16, 3, 1, 1), nn.BatchNorm2D(16))
        self.skip, self.pool, self.fc = nn.Conv2D(8, 16, 1, 2), nn.AdaptiveAvgPool2D(1), nn.Linear(16, 10)

    def forward(self, x):
        x = self.stem(x)
        return self.fc(paddle.squeeze(self.pool(F.relu(self.b(self.a(x)) + self.skip(x))), [2, 3]))


class Mobile(nn.Layer):
    class Block(nn.Layer):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.add = stride == 1 and inputs == outputs
            self.wide, self.deep = conv_bn(inputs, 24, 1, activation=nn.Hardswish), conv_bn(24, 24, 5, stride, 24, nn.Hardswish)
            self.gate = nn.Sequential(nn.AdaptiveAvgPool2D(1), nn.Conv2D(24, 4, 1), nn.ReLU(), nn.Conv2D(4, 24, 1), nn.Hardsigmoid())
            self.last = nn.Sequential(nn.Conv2D(24, outputs, 1, bias_attr=False), nn.BatchNorm2D(outputs))

        def forward(self, x):
            y = self.deep(self.wide(x))
            y = self.last(y * self.gate(y))
            return x + y if self.add else y

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(conv_bn(3, 8, 3, 2, activation=nn.Swish), self.Block(8, 8, 1), self.Block(8, 16, 2), self.Block(16, 16, 1))

    def forward(self, x):
        return paddle.mean(self.body(x), [2, 3])


class Unet(nn.Layer):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = conv_bn(3, 8), conv_bn(8, 16), conv_bn(16, 24)
        self.up, self.join, self.last = nn.Conv2DTranspose(24, 16, 2, 2), conv_bn(32, 16), conv_bn(24, 2, activation=nn.Sigmoid)

    def forward(self, x):
        a = self.a(x)
        b = self.b(F.max_pool2d(a, 2))
        c = self.up(self.c(F.max_pool2d(b, 2)))
        d = F.interpolate(self.join(paddle.concat([b, c], 1)), size=paddle.shape(a)[2:], mode="bilinear")
        return self.last(paddle.concat([a, d], 1)), F.interpolate(b, size=[24, 20], mode="nearest")


class Cubic(nn.Layer):
    def __init__(self):
        super().__init__()
        self.stem = conv_bn(3, 8)

    def forward(self, x):
        return F.interpolate(self.stem(x), size=[40, 44], mode="bicubic")


class Ssd(nn.Layer):
    def __init__(self):
        super().__init__()
        self.levels = nn.LayerList([conv_bn(3, 8, 3, 2), conv_bn(8, 16, 3, 2), conv_bn(16, 24, 3, 2)])
        self.boxes = nn.LayerList([nn.Conv2D(channels, 12, 3, 1, 1) for channels in (8, 16, 24)])
        self.classes = nn.LayerList([nn.Conv2D(channels, 15, 3, 1, 1) for channels in (8, 16, 24)])

    def forward(self, x):
        boxes, classes = [], []
        for level, box, score in zip(self.levels, self.boxes, self.classes):
            x = level(x)
            boxes.append(paddle.transpose(box(x), [0, 2, 3, 1]).reshape([0, -1, 4]))
            classes.append(paddle.transpose(score(x), [0, 2, 3, 1]).reshape([0, -1, 5]))
        return paddle.concat(boxes, 1), F.softmax(paddle.concat(classes, 1), -1)


class Attention(nn.Layer):
    def __init__(self):
        super().__init__()
        self.stem, self.norm, self.norm2 = conv_bn(3, 16, 3, 4), nn.LayerNorm(16), nn.LayerNorm(16)
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.mlp, self.last = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16)), nn.Conv2D(16, 4, 3, 1, 1)

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose([0, 2, 1])
        qkv = self.qkv(self.norm(x)).reshape([0, -1, 3, 4, 4]).transpose([2, 0, 3, 1, 4])
        weights = F.softmax(paddle.matmul(qkv[0], qkv[1], transpose_y=True) * 0.5, -1)
        x = x + self.out(paddle.matmul(weights, qkv[2]).transpose([0, 2, 1, 3]).reshape([0, -1, 16]))
        x = x + self.mlp(self.norm2(x))
        return self.last(x.transpose([0, 2, 1]).reshape([0, 16, 8, 8]))


class Norms(nn.Layer):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2D(3, 8, 3), nn.GroupNorm(4, 8), nn.Silu(), nn.Conv2D(8, 8, 3, padding=1, padding_mode="reflect"),
                                  nn.InstanceNorm2D(8), nn.PReLU(8), nn.Mish(), nn.Conv2D(8, 12, 3),
                                  nn.PixelShuffle(2), nn.AdaptiveAvgPool2D((4, 8)), nn.AdaptiveMaxPool2D((2, 4)))

    def forward(self, x):
        return self.body(x)


class Best(nn.Layer):
    def __init__(self):
        super().__init__()
        self.body = conv_bn(3, 8, 3, 2)

    def forward(self, x):
        x = self.body(x)
        values, places = paddle.topk(x.flatten(1), 10)
        return values, places, paddle.argmax(x, 1), paddle.where(x > 0.3, x, -x), paddle.clip(x, 0.1, 1.0), paddle.sum(x, [1, 3])


MODELS = {"plain": Plain, "residual": Residual, "mobile": Mobile, "unet": Unet, "cubic": Cubic, "ssd": Ssd,
          "attention": Attention, "norms": Norms, "best": Best}


def by_paddle(name, opset, shape):
    def export(path):
        paddle.seed(sum(name.encode()))
        model = MODELS[name]()
        for layer in model.sublayers():
            if isinstance(layer, nn.BatchNorm2D):
                layer._mean.set_value(paddle.uniform(layer._mean.shape, min=-0.2, max=0.2))
                layer._variance.set_value(paddle.uniform(layer._variance.shape, min=0.5, max=1.5))
        model.eval()
        paddle.onnx.export(model, path.removesuffix(".onnx"), [paddle.static.InputSpec(shape, "float32", "image")], opset_version=opset)
    return export


def main():
    os.environ["GLOG_minloglevel"] = "3"
    versions = {"paddle": paddle.__version__, "paddle2onnx": paddle2onnx.__version__, "onnx": onnx.__version__}
    cases = Cases(sys.argv[1], "paddle", versions, sys.argv[2:], isolated=True)
    one, two, wide = images(6, (1, 3, 32, 32), (2, 3, 32, 32), (2, 3, 24, 40))
    for name in MODELS:
        for opset in (9, 11, 13, 15, 16, 17, 19) if name == "plain" else (11, 16):
            cases.add(name, by_paddle(name, opset, [1, 3, 32, 32]), [one], opset)
    for name in ("residual", "mobile", "unet", "ssd"):
        cases.add(name + "-open", by_paddle(name, 13, [None, 3, None, None]), [one], 13, [[wide]])
    cases.add("plain-open", by_paddle("plain", 13, [-1, 3, 32, 32]), [one], 13, [[two]])
    cases.finish()


main()
