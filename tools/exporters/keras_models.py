"""Small CNNs with random weights, as Keras users write them: channels last."""
import keras
import numpy as np
from keras import layers


def gelu(x):
    """By tanh: tf2onnx does not know Erfc."""
    return keras.activations.gelu(x, approximate=True)


def conv_bn(x, filters, kernel=3, stride=1, activation="relu"):
    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False)(x)
    return layers.Activation(activation)(layers.BatchNormalization()(x))


def plain(x):
    x = layers.MaxPooling2D(2)(conv_bn(x, 8))
    x = layers.AveragePooling2D(2, padding="same")(conv_bn(x, 16, 5))
    x = layers.Dense(32, activation="relu")(layers.Flatten()(conv_bn(x, 16, activation="leaky_relu")))
    return layers.Dense(10, activation="softmax")(layers.Dropout(0.5)(x))


def residual(x):
    x = conv_bn(layers.ZeroPadding2D(1)(x), 8)
    for filters, stride in ((8, 1), (16, 2), (24, 2)):
        skip = x if stride == 1 else layers.BatchNormalization()(layers.Conv2D(filters, 1, stride)(x))
        y = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(conv_bn(x, filters, 3, stride)))
        x = layers.ReLU()(layers.Add()([y, skip]))
    return layers.Dense(10)(layers.GlobalAveragePooling2D()(x))


def mobile(x):
    x = conv_bn(x, 8, 3, 2, "hard_silu")
    for filters, stride in ((8, 1), (16, 2), (16, 1)):
        y = conv_bn(x, 24, 1, activation="hard_silu")
        y = layers.DepthwiseConv2D(5, stride, padding="same", use_bias=False)(y)
        y = layers.Activation("hard_silu")(layers.BatchNormalization()(y))
        gate = layers.Conv2D(4, 1, activation="relu")(layers.GlobalAveragePooling2D(keepdims=True)(y))
        y = layers.Multiply()([y, layers.Conv2D(24, 1, activation="hard_sigmoid")(gate)])
        y = layers.BatchNormalization()(layers.Conv2D(filters, 1, use_bias=False)(y))
        x = layers.Add()([x, y]) if stride == 1 and x.shape[-1] == filters else y
    return layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))


def depthwise(x):
    x = conv_bn(x, 8, 3, 2, "relu6")
    x = layers.SeparableConv2D(16, 3, 2, padding="same", activation="silu")(x)
    x = layers.SeparableConv2D(24, 3, dilation_rate=1, depth_multiplier=2, activation="elu")(x)
    x = layers.Conv2D(24, 3, dilation_rate=2, padding="same", activation=gelu)(x)
    return layers.GlobalMaxPooling2D()(x)


def unet(x):
    a = conv_bn(x, 8)
    b = conv_bn(layers.MaxPooling2D(2)(a), 16)
    c = layers.Conv2DTranspose(16, 2, 2)(conv_bn(layers.MaxPooling2D(2)(b), 24))
    d = layers.UpSampling2D(2, interpolation="bilinear")(conv_bn(layers.Concatenate()([b, c]), 16))
    x = layers.Conv2DTranspose(8, 3, 2, padding="same")(conv_bn(layers.Concatenate()([a, d]), 8))
    x = layers.Cropping2D(((1, 2), (3, 0)))(layers.UpSampling2D(2)(x))
    return layers.Conv2D(2, 1, activation="sigmoid")(x)


def ssd(x):
    boxes, classes = [], []
    for filters in (8, 16, 24):
        x = conv_bn(x, filters, 3, 2)
        boxes.append(layers.Reshape((-1, 4))(layers.Conv2D(12, 3, padding="same")(x)))
        classes.append(layers.Reshape((-1, 5))(layers.Conv2D(15, 3, padding="same")(x)))
    return [layers.Concatenate(1)(boxes), layers.Softmax()(layers.Concatenate(1)(classes))]


def attention(x):
    x = conv_bn(x, 16, 3, 4)
    height, width = x.shape[1:3]
    x = layers.Reshape((height * width, 16))(x)
    y = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.MultiHeadAttention(4, 4)(y, y)])
    y = layers.Dense(16)(layers.Dense(32, activation=gelu)(layers.LayerNormalization()(x)))
    x = layers.Permute((2, 1))(layers.Add()([x, y]))
    return layers.Conv2D(4, 3, padding="same")(layers.Reshape((height, width, 16))(layers.Permute((2, 1))(x)))


def norms(x):
    x = layers.GroupNormalization(4)(layers.Conv2D(8, 3)(x))
    x = layers.PReLU(shared_axes=[1, 2])(layers.LayerNormalization(axis=[1, 2, 3])(layers.Conv2D(8, 3)(x)))
    for name in ("silu", "mish", "softplus", "selu", "softsign", "tanh", "exponential", "log_sigmoid", "hard_tanh"):
        x = layers.Activation(name)(layers.Conv2D(8, 3, padding="same", kernel_initializer="he_normal")(x))
    return layers.UnitNormalization()(x)


def volumes(x):
    x = layers.MaxPooling3D(2)(layers.Conv3D(4, 3, padding="same", activation="relu")(x))
    x = layers.AveragePooling3D(2)(layers.Conv3DTranspose(4, 2, 2)(x))
    x = layers.Reshape((-1, 4))(x)
    x = layers.MaxPooling1D(2)(layers.Conv1D(8, 5, padding="causal", activation="relu")(x))
    return layers.GlobalAveragePooling1D()(layers.Conv1DTranspose(4, 4, 2, padding="same")(x))


MODELS = {"plain": plain, "residual": residual, "mobile": mobile, "depthwise": depthwise, "unet": unet, "ssd": ssd,
          "attention": attention, "norms": norms, "volumes": volumes}


def make(name, shape=None):
    """The model with random weights, and statistics of its normalisations that are not the neutral ones."""
    keras.utils.set_random_seed(sum(name.encode()))
    x = keras.Input(shape or ((4, 8, 8, 3) if name == "volumes" else (32, 32, 3)), name="image")
    model = keras.Model(x, MODELS[name](x))
    random = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            size = layer.gamma.shape
            layer.set_weights([random.uniform(*limits, size) for limits in ((0.5, 1.5), (-0.2, 0.2), (-0.2, 0.2), (0.5, 1.5))])
    return model
