// The number of threads as part of a primitive's name: of its processor coordinate.
#pragma once
#include <string>
#include <string_view>
#include <utility>

namespace raceline {

/// A primitive's name on so many threads: "conv2d.native.direct.nchw@cpu:1"; 0: on all, the name as it is.
std::string on_threads(std::string_view name, int threads);
/// The name without its threads, and how many they are: the inverse of on_threads(). Throws ParseError when
/// what follows the colon is no number.
std::pair<std::string_view, int> without_threads(std::string_view name);
/// Where it runs, the last coordinate of a name: "cpu", "cpu:1"; empty where there is none.
std::string_view processor_of(std::string_view name);
/// The device of that, without threads or index: "cpu".
std::string_view device_of(std::string_view name);

}  // namespace raceline
