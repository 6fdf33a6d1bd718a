"""Exports by Keras, and TensorFlow functions by tf2onnx: keras_export.py FOLDER [PART OF A NAME]..."""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402
import tensorflow as tf  # noqa: E402
import tf2onnx  # noqa: E402

from case import Cases, images  # noqa: E402
from keras_models import MODELS, make  # noqa: E402

RANDOM = np.random.default_rng(3)


def weights(*shape):
    return RANDOM.normal(0, 0.3, shape).astype(np.float32)  # a tensor would become an input


BIAS, KERNEL, POINT, DEPTH = weights(8), weights(3, 3, 3, 8), weights(1, 1, 8, 4), weights(3, 3, 8, 1)
BOX_KERNEL, SCORE_KERNEL = weights(3, 3, 8, 4), weights(3, 3, 8, 1)


def body(x):
    x = tf.nn.relu6(tf.nn.bias_add(tf.nn.conv2d(x, KERNEL, 2, "SAME"), BIAS))
    return tf.nn.depthwise_conv2d(x, DEPTH, [1, 1, 1, 1], "SAME")


def channels_last(x):
    x = tf.nn.conv2d(tf.pad(body(x), [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT"), POINT, 1, "VALID")
    return tf.reduce_mean(tf.nn.local_response_normalization(x), [1, 2]), tf.argmax(x, -1)


def resizes(x):
    x = body(x)
    return (tf.image.resize(x, [24, 40]), tf.image.resize(x, [24, 40], "nearest"),
            tf.compat.v1.image.resize_bilinear(x, [31, 31], align_corners=True), tf.nn.depth_to_space(x, 2),
            tf.nn.space_to_depth(x, 4))


def crops(x):
    """tf2onnx writes a loop over the boxes."""
    return tf.image.crop_and_resize(body(x), [[0.1, 0.1, 0.8, 0.9]], [0], [5, 6])


def detector(x):
    x = body(x)
    boxes = tf.reshape(tf.nn.conv2d(x, BOX_KERNEL, 1, "SAME"), [-1, 4])
    corners = tf.concat([boxes[:, :2] - tf.exp(boxes[:, 2:]), boxes[:, :2] + tf.exp(boxes[:, 2:])], 1)
    scores = tf.sigmoid(tf.reshape(tf.nn.conv2d(x, SCORE_KERNEL, 1, "SAME"), [-1]))
    kept = tf.image.non_max_suppression(corners, scores, 20, 0.5, 0.1)
    return tf.gather(corners, kept), tf.gather(scores, kept)


def best(x):
    x = body(x)
    values, places = tf.math.top_k(tf.reshape(x, [1, -1]), 10)
    rows = tf.stack([tf.range(4), tf.range(4)], 1)
    return values, tf.cast(places, tf.float32), tf.gather_nd(x[0], rows), tf.reverse(x, [1]), tf.cumsum(x, 1), tf.one_hot(tf.argmax(x, -1), 8)


def attention(x):
    x = tf.reshape(body(x), [-1, 256, 8])
    mixed = tf.einsum("bij,bjc->bic", tf.nn.softmax(tf.matmul(x, x, transpose_b=True) / 3.0), x)
    mean, variance = tf.nn.moments(mixed, [-1], keepdims=True)
    return tf.nn.batch_normalization(mixed, mean, variance, None, None, 1e-5)


def open_sizes(x):
    """Shapes computed at run time, from dimensions that are open."""
    x = body(x)
    shape = tf.shape(x)
    top = tf.image.resize(x[:, ::2, ::2], shape[1:3], "nearest")
    return tf.reshape(tf.concat([x, top], -1), [shape[0], -1, 16]), tf.reduce_max(x, [1, 2], keepdims=True) * tf.ones_like(x)


FUNCTIONS = {"channels-last": channels_last, "resizes": resizes, "crops": crops, "detector": detector, "best": best, "dot-attention": attention}


def from_function(function, shape, opset, **options):
    def export(path):
        signature = [tf.TensorSpec(shape, tf.float32, name="image")]
        tf2onnx.convert.from_function(tf.function(function, input_signature=signature), signature, opset=opset, output_path=path,
                                      **options)
    return export


def from_keras(name, opset, **options):
    model = make(name)
    return from_function(lambda x: model(x, training=False), (1, *model.input_shape[1:]), opset, **options)


def by_keras(name, opset=None):
    model = make(name)
    model(np.zeros((1, *model.input_shape[1:]), np.float32))  # what was never called is not exported
    return lambda path: model.export(path, format="onnx", verbose=False, **({"opset_version": opset} if opset else {}))


def main():
    versions = {"tensorflow": tf.__version__, "keras": keras.__version__, "tf2onnx": tf2onnx.__version__, "onnx": onnx.__version__}
    only = sys.argv[2:]
    picture, wide = images(5, (1, 32, 32, 3), (2, 24, 40, 3))
    cases = Cases(sys.argv[1], "keras", versions, only)
    for name in MODELS:
        shape = (4, 8, 8, 3) if name == "volumes" else (32, 32, 3)
        one, two = images(5, (1, *shape), (3, *shape))
        cases.add(name, by_keras(name), [one], None, [[two]])
        if name in ("mobile", "unet", "attention"):
            cases.add(name, by_keras(name, 18), [one], 18)
    cases.finish()
    cases = Cases(sys.argv[1], "tf2onnx", versions, only)
    for name in MODELS:
        data = images(5, (1, 4, 8, 8, 3) if name == "volumes" else (1, 32, 32, 3))
        for opset in (9, 11, 12, 13, 15, 17, 18) if name == "plain" else (11, 15, 18):
            cases.add(name, from_keras(name, opset), data, opset)
        if name in ("plain", "unet"):
            cases.add(name + "-nchw", from_keras(name, 15, inputs_as_nchw=["image"]), [np.transpose(data[0], (0, 3, 1, 2))], 15)
    for name, function in FUNCTIONS.items():
        for opset in (11, 13, 18):
            cases.add(name, from_function(function, (1, 32, 32, 3), opset), [picture], opset)
    cases.add("open-sizes", from_function(open_sizes, (None, None, None, 3), 15), [picture], 15, [[wide]])
    cases.finish()


main()
