"""Small CNNs with random weights, as PyTorch users write them."""
import torch
import torch.nn.functional as F
from torch import nn


def conv_bn(inputs, outputs, kernel=3, stride=1, groups=1, activation=nn.ReLU):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
                         nn.BatchNorm2d(outputs), activation())


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(conv_bn(3, 8), nn.MaxPool2d(2), conv_bn(8, 16, 5), nn.MaxPool2d(3, 2, 1),
                                  conv_bn(16, 16, activation=nn.LeakyReLU))
        self.head = nn.Sequential(nn.Linear(16 * 64, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 10))

    def forward(self, x):
        return F.log_softmax(self.head(torch.flatten(self.body(x), 1)), dim=1)


class Residual(nn.Module):
    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.a = conv_bn(inputs, outputs, 3, stride)
            self.b = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
            self.skip = nn.Sequential() if stride == 1 and inputs == outputs else nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

        def forward(self, x):
            return F.relu(self.b(self.a(x)) + self.skip(x))

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(conv_bn(3, 8), *[self.Block(*row) for row in ((8, 8, 1), (8, 16, 2), (16, 24, 2))])
        self.fc = nn.Linear(24, 10)

    def forward(self, x):
        return self.fc(F.adaptive_avg_pool2d(self.body(x), 1).view(x.size(0), -1))


class Mobile(nn.Module):
    """Inverted residuals with squeeze-excite and hard-swish."""
    class SqueezeExcite(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.pool, self.down, self.up = nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, 4, 1), nn.Conv2d(4, channels, 1)

        def forward(self, x):
            return x * F.hardsigmoid(self.up(F.relu(self.down(self.pool(x)))))

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.add = stride == 1 and inputs == outputs
            self.body = nn.Sequential(conv_bn(inputs, 24, 1, activation=nn.Hardswish),
                                      conv_bn(24, 24, 5, stride, 24, nn.Hardswish), Mobile.SqueezeExcite(24),
                                      nn.Conv2d(24, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

        def forward(self, x):
            return x + self.body(x) if self.add else self.body(x)

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(conv_bn(3, 8, 3, 2, activation=nn.Hardswish), self.Block(8, 8, 1), self.Block(8, 16, 2),
                                  self.Block(16, 16, 1))
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        return torch.softmax(self.fc(self.body(x).mean([2, 3])), -1)


class Depthwise(nn.Module):
    def __init__(self):
        super().__init__()
        parts = [conv_bn(3, 8, 3, 2, activation=nn.ReLU6)]
        for inputs, outputs, stride in ((8, 16, 1), (16, 16, 2), (16, 32, 1)):
            parts += [conv_bn(inputs, inputs, 3, stride, inputs, nn.ReLU6), conv_bn(inputs, outputs, 1, activation=nn.SiLU)]
        self.body = nn.Sequential(*parts)

    def forward(self, x):
        return self.body(x).amax((2, 3))


class Unet(nn.Module):
    """Skips by concatenation, up by transposed convolutions and by interpolation, odd sizes padded."""
    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList([conv_bn(3, 8), conv_bn(8, 16), conv_bn(16, 24)])
        self.up1, self.up2 = nn.ConvTranspose2d(24, 16, 2, 2), nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.join1, self.join2 = conv_bn(32, 16), conv_bn(24, 8)
        self.last = nn.ConvTranspose2d(8, 2, 3, stride=2, padding=1, output_padding=1)

    def forward(self, x):
        a = self.down[0](x)
        b = self.down[1](F.max_pool2d(a, 2))
        c = self.up1(self.down[2](F.max_pool2d(b, 2)))
        c = F.pad(c, (0, b.shape[3] - c.shape[3], 0, b.shape[2] - c.shape[2]))
        d = self.up2(self.join1(torch.cat([b, c], 1)))
        d = F.pad(d, (0, a.shape[3] - d.shape[3], 0, a.shape[2] - d.shape[2]))
        return torch.sigmoid(self.last(self.join2(torch.cat([a, d], 1))))


class Ssd(nn.Module):
    """A feature pyramid with heads, reshaped, permuted and put together."""
    def __init__(self):
        super().__init__()
        self.levels = nn.ModuleList([conv_bn(3, 8, 3, 2), conv_bn(8, 16, 3, 2), conv_bn(16, 24, 3, 2)])
        self.lateral = nn.ModuleList([nn.Conv2d(channels, 8, 1) for channels in (8, 16, 24)])
        self.boxes, self.classes = nn.Conv2d(8, 3 * 4, 3, 1, 1), nn.Conv2d(8, 3 * 5, 3, 1, 1)

    def forward(self, x):
        features = []
        for level in self.levels:
            x = level(x)
            features.append(x)
        top, boxes, classes = None, [], []
        for lateral, feature in zip(reversed(self.lateral), reversed(features)):
            here = lateral(feature)
            top = here if top is None else here + F.interpolate(top, size=here.shape[-2:], mode="nearest")
            boxes.append(self.boxes(top).permute(0, 2, 3, 1).reshape(top.shape[0], -1, 4))
            classes.append(self.classes(top).permute(0, 2, 3, 1).contiguous().view(top.shape[0], -1, 5))
        return torch.cat(boxes, 1), torch.softmax(torch.cat(classes, 1), dim=2)


class SsdNms(nn.Module):
    """The detector with its post-processing: boxes decoded against anchors, one class suppressed, the best kept."""
    def __init__(self):
        super().__init__()
        self.ssd = Ssd()
        self.register_buffer("anchors", torch.rand(4032, 4))

    def forward(self, x):
        import torchvision  # noqa: F401  (it registers the operator)
        boxes, scores = self.ssd(x)
        centre = self.anchors[:, :2] + 0.1 * boxes[0, :, :2]
        half = torch.exp(0.2 * boxes[0, :, 2:]) * self.anchors[:, 2:] * 0.1
        corners = torch.cat([centre - half, centre + half], 1)
        kept = torch.ops.torchvision.nms(corners, scores[0, :, 1], 0.5)
        return corners[kept], scores[0, kept]


class TopKeypoints(nn.Module):
    """A heat map, its peaks by max-pooling, the best of them gathered: a CenterNet."""
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(conv_bn(3, 8, 3, 2), conv_bn(8, 8))
        self.heat, self.size = nn.Conv2d(8, 2, 1), nn.Conv2d(8, 2, 1)

    def forward(self, x):
        x = self.body(x)
        heat = torch.sigmoid(self.heat(x))
        heat = torch.where(F.max_pool2d(heat, 3, 1, 1) == heat, heat, torch.zeros_like(heat))
        scores, places = torch.topk(heat.flatten(1), 10)
        inside = places % (heat.shape[2] * heat.shape[3])
        sizes = self.size(x).flatten(2).gather(2, inside.unsqueeze(1).expand(-1, 2, -1))
        return scores, inside.float(), sizes


class Attention(nn.Module):
    """A convolutional stem, transformer layers over its pixels, and a convolution behind."""
    def __init__(self, module=False):
        super().__init__()
        self.stem, self.module = conv_bn(3, 16, 3, 4), module
        self.norm1, self.norm2 = nn.LayerNorm(16), nn.LayerNorm(16)
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.position = nn.Parameter(torch.randn(1, 64, 16))
        self.last = nn.Conv2d(16, 4, 3, 1, 1)

    def mixed(self, x):
        if self.module:
            return self.attention(x, x, x, need_weights=False)[0]
        batch, count, _ = x.shape
        q, k, v = self.qkv(x).reshape(batch, count, 3, 4, 4).permute(2, 0, 3, 1, 4).unbind(0)
        weights = torch.softmax(q @ k.transpose(-2, -1) * 0.5, -1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, count, 16))

    def forward(self, x):
        x = self.stem(x)
        batch, channels, height, width = x.shape
        tokens = x.flatten(2).transpose(1, 2) + self.position
        tokens = tokens + self.mixed(self.norm1(tokens))
        tokens = tokens + self.mlp(self.norm2(tokens))
        return self.last(tokens.transpose(1, 2).reshape(batch, channels, height, width))


class Scaled(nn.Module):
    """PyTorch's fused attention and an einsum."""
    def __init__(self):
        super().__init__()
        self.stem, self.qkv = conv_bn(3, 8, 3, 4), nn.Conv2d(8, 24, 1)

    def forward(self, x):
        q, k, v = self.qkv(self.stem(x)).flatten(2).transpose(1, 2).chunk(3, -1)
        mixed = F.scaled_dot_product_attention(q.unsqueeze(1), k.unsqueeze(1), v.unsqueeze(1)).squeeze(1)
        return torch.einsum("bnc,bmc->bnm", mixed, v)


class Norms(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(4, 8), nn.SiLU(), nn.Conv2d(8, 8, 3),
                                  nn.InstanceNorm2d(8, affine=True), nn.PReLU(8), nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect"),
                                  nn.InstanceNorm2d(8), nn.Mish(), nn.LocalResponseNorm(3), nn.Conv2d(8, 8, 3), nn.Softplus(), nn.ELU(),
                                  nn.LayerNorm([8, 26, 26]), nn.GELU(approximate="tanh"), nn.GLU(1), nn.CELU(), nn.SELU())

    def forward(self, x):
        return F.normalize(self.body(x), dim=1)


class Pools(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = conv_bn(3, 8)

    def forward(self, x):
        x = self.conv(x)
        parts = [F.adaptive_avg_pool2d(x, (4, 8)), F.adaptive_max_pool2d(x, (2, 4)),
                 F.avg_pool2d(x, 3, 2, 1, ceil_mode=True), F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
                 F.max_pool2d(x, 3, 2, 0, ceil_mode=True), F.lp_pool2d(x, 2, 2)]
        return torch.cat([part.flatten(2) for part in parts], 2).std(2)


class Shuffle(nn.Module):
    """Channel shuffles, splits, sub-pixel upsampling."""
    def __init__(self):
        super().__init__()
        self.stem, self.branch = conv_bn(3, 16, 3, 2), conv_bn(8, 8, 3, 1, 8)
        self.up = nn.Conv2d(16, 12, 3, 1, 1)

    def forward(self, x):
        x = self.stem(x)
        a, b = x.chunk(2, dim=1)
        x = torch.cat([a, self.branch(b)], 1)
        batch, channels, height, width = x.shape
        x = x.view(batch, 2, channels // 2, height, width).transpose(1, 2).reshape(batch, channels, height, width)
        return F.pixel_unshuffle(F.pixel_shuffle(self.up(x), 2), 4)[:, ::2, 1:, :-1]


class Volumes(nn.Module):
    """1-D and 3-D layers."""
    def __init__(self):
        super().__init__()
        self.flat = nn.Sequential(nn.Conv3d(3, 4, 3, padding=1), nn.BatchNorm3d(4), nn.ReLU(), nn.MaxPool3d(2), nn.ConvTranspose3d(4, 4, 2, 2),
                                  nn.AvgPool3d(2))
        self.line = nn.Sequential(nn.Conv1d(4, 8, 5, padding=2), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(2), nn.ConvTranspose1d(8, 4, 4, 2, 1),
                                  nn.AdaptiveAvgPool1d(1))

    def forward(self, x):
        return self.line(self.flat(x).flatten(2)).squeeze(-1)


class Warp(nn.Module):
    """A spatial transformer: a grid computed by the network samples its input."""
    def __init__(self):
        super().__init__()
        self.fc, self.conv = nn.Linear(3, 6), conv_bn(3, 4)

    def forward(self, x):
        theta = 0.3 * torch.tanh(self.fc(x.mean((2, 3)))).view(-1, 2, 3) + torch.eye(2, 3)
        grid = F.affine_grid(theta, [x.shape[0], x.shape[1], 20, 20], align_corners=False)
        return self.conv(F.grid_sample(x, grid, align_corners=False))


class Resizes(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, 1, 1)

    def forward(self, x):
        x = self.conv(x)
        parts = [F.interpolate(x, scale_factor=2), F.interpolate(x, scale_factor=2, mode="bilinear"),
                 F.interpolate(x, size=(64, 64), mode="bicubic"), F.interpolate(x, size=(64, 64), mode="bilinear", align_corners=True)]
        small = F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=False)
        return torch.cat(parts, 1), small


class Crnn(nn.Module):
    """Text lines: convolutions, then a recurrent layer over the columns."""
    def __init__(self):
        super().__init__()
        self.body, self.rnn, self.fc = conv_bn(3, 8, 3, 2), nn.LSTM(8, 6, bidirectional=True, batch_first=True), nn.Linear(12, 5)

    def forward(self, x):
        return self.fc(self.rnn(self.body(x).mean(2).transpose(1, 2))[0])


class Branches(nn.Module):
    """squeeze() of open dimensions, masks, clamps, indices: what leaves If, Where, Range and casts behind."""
    def __init__(self):
        super().__init__()
        self.body = conv_bn(3, 4, 3, 2)

    def forward(self, x):
        x = self.body(x)
        rows = torch.arange(x.shape[2], dtype=torch.float32).view(1, 1, -1, 1) / x.shape[2]
        x = torch.where(x > rows, x, rows.expand_as(x)).clamp(0.1, 5)
        top = x.mean((2, 3), keepdim=True).squeeze(3).squeeze(2)
        return x.masked_fill(x < 0.2, -1.0).sum(1), top, x.argmax(1)


MODELS = {"plain": Plain, "residual": Residual, "mobile": Mobile, "depthwise": Depthwise, "unet": Unet, "ssd": Ssd,
          "ssd-nms": SsdNms, "keypoints": TopKeypoints, "attention": Attention, "multihead": lambda: Attention(True),
          "scaled": Scaled, "norms": Norms, "pools": Pools, "shuffle": Shuffle, "volumes": Volumes, "warp": Warp,
          "resizes": Resizes, "crnn": Crnn, "branches": Branches}


def make(name):
    """The model with random weights, and statistics of its normalisations that are not the neutral ones."""
    torch.manual_seed(sum(name.encode()))
    model = MODELS[name]()
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.2)
    return model.eval()
