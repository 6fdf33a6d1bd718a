// Values on their way into a JSON file or out of it: one description of the parts serves both directions, so
// that what is written is what is read.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace raceline {

/// An object of the file. Calls with the same keys in the same order write it and read it. Reading refuses,
/// with the place named, what is missing, of another type, not finite, or not asked for.
class Archive {
 public:
  using Body = std::function<void(Archive&)>;
  virtual ~Archive() = default;

  virtual bool reading() const = 0;
  virtual void field(std::string_view key, bool& value) = 0;
  virtual void field(std::string_view key, int64_t& value) = 0;
  virtual void field(std::string_view key, double& value) = 0;
  virtual void field(std::string_view key, std::string& value) = 0;
  virtual void field(std::string_view key, std::vector<int32_t>& value) = 0;
  virtual void field(std::string_view key, std::vector<float>& value) = 0;
  virtual void field(std::string_view key, std::vector<double>& value) = 0;
  virtual void field(std::string_view key, std::vector<std::string>& value) = 0;
  /// An object within this one.
  virtual void object(std::string_view key, const Body& body) = 0;
  /// A list of objects: `count` is how many there are, written as given and set when read.
  virtual void list(std::string_view key, size_t& count,
                    const std::function<void(Archive&, size_t)>& body) = 0;
  /// Says that the value of this key cannot be. Throws ParseError when reading, Error when writing.
  [[noreturn]] virtual void refuse(std::string_view key, std::string_view why) const = 0;
};

/// The document that the body describes: an object, a line for each value. Throws Error for numbers that are
/// not finite and names that are not UTF-8.
std::string write_archive(const Archive::Body& body);

/// Reads what write_archive() wrote; `what` names the document in messages ("predictor"). Throws ParseError.
void read_archive(std::string_view text, std::string_view what, const Archive::Body& body);

}  // namespace raceline
