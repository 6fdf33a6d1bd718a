#include "raceline/primitive/on_threads.h"

#include <fmt/format.h>

#include "raceline/base/text.h"

namespace raceline {

std::string on_threads(std::string_view name, int threads) {
  return threads == 0 ? std::string(name) : fmt::format("{}:{}", name, threads);
}

std::pair<std::string_view, int> without_threads(std::string_view name) {
  const std::string_view processor = processor_of(name);
  const size_t colon = processor.find(':');
  if (colon == std::string_view::npos) return {name, 0};
  const std::string_view threads = processor.substr(colon + 1);
  return {name.substr(0, name.size() - threads.size() - 1), static_cast<int>(parse_int(threads, "threads"))};
}

std::string_view processor_of(std::string_view name) {
  const size_t at = name.rfind('@');
  return at == std::string_view::npos ? std::string_view{} : name.substr(at + 1);
}

std::string_view device_of(std::string_view name) {
  const std::string_view processor = processor_of(name);
  return processor.substr(0, processor.find(':'));
}

}  // namespace raceline
