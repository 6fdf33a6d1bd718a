#include "raceline/model/npy.h"

#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/base/text.h"
#include "raceline/model/tensor_proto.h"

namespace raceline {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr size_t header_alignment = 64;
constexpr size_t most_header_bytes = 1 << 20;

struct TypeCode {
  DataType type;
  std::string_view code;
};

constexpr TypeCode type_codes[] = {
    {DataType::f32, "<f4"}, {DataType::f64, "<f8"}, {DataType::f16, "<f2"}, {DataType::i8, "|i1"},
    {DataType::u8, "|u1"},  {DataType::i16, "<i2"}, {DataType::u16, "<u2"}, {DataType::i32, "<i4"},
    {DataType::u32, "<u4"}, {DataType::i64, "<i8"}, {DataType::u64, "<u8"}, {DataType::boolean, "|b1"},
};

/// The header is a Python dictionary of three entries.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : text_(text) {}

  struct Header {
    std::optional<std::string_view> descr;
    std::optional<bool> fortran_order;
    std::optional<std::vector<int64_t>> shape;
  };

  Header parse() {
    Header header;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr" && !header.descr) {
        header.descr = quoted();
      } else if (key == "fortran_order" && !header.fortran_order) {
        header.fortran_order = truth();
      } else if (key == "shape" && !header.shape) {
        header.shape = tuple();
      } else {
        fail(fmt::format("unexpected entry '{}'", key.substr(0, 40)));
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    if (!header.descr || !header.fortran_order || !header.shape) {
      fail("one of 'descr', 'fortran_order' and 'shape' is missing");
    }
    return header;
  }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    throw ParseError(fmt::format("its header is wrong at character {}: {}", at_, what));
  }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool accept(char wanted) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  void expect(char wanted) {
    if (!accept(wanted)) fail(fmt::format("'{}' wanted", wanted));
  }
  std::string_view quoted() {
    skip_blanks();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote == '[') throw UnsupportedError("a structured element type is not supported");
    if (quote != '\'' && quote != '"') fail("a quoted text wanted");
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) fail("a quoted text does not end");
    const std::string_view inner = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return inner;
  }
  bool truth() {
    skip_blanks();
    for (const auto& [word, value] : {std::pair{std::string_view("True"), true}, {"False", false}}) {
      if (!starts_with(text_.substr(at_), word)) continue;
      at_ += word.size();
      return value;
    }
    fail("True or False wanted");
  }
  std::vector<int64_t> tuple() {
    std::vector<int64_t> dims;
    expect('(');
    while (!accept(')')) {
      skip_blanks();
      const size_t from = at_;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
      dims.push_back(parse_int(text_.substr(from, at_ - from), "dimension in the shape"));
      if (dims.size() > static_cast<size_t>(Shape::max_rank)) {
        fail(fmt::format("more than {} dimensions", Shape::max_rank));
      }
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return dims;
  }

  std::string_view text_;
  size_t at_ = 0;
};

DataType type_of(std::string_view descr) {
  for (const TypeCode& row : type_codes) {
    const bool one_byte = row.code[0] == '|';
    if (descr.size() == 3 && descr.substr(1) == row.code.substr(1) &&
        (descr[0] == row.code[0] || (one_byte && (descr[0] == '<' || descr[0] == '>')))) {
      return row.type;
    }
  }
  throw UnsupportedError(fmt::format(
      "element type '{}' is not supported (little-endian numbers and booleans are)", descr.substr(0, 40)));
}

/// Copies column-major elements (the first axis runs fastest) into row-major order.
void transpose_into(Tensor& result, const std::byte* source) {
  const Shape& shape = result.desc().shape;
  const size_t size = size_of(result.desc().type);
  int64_t index[Shape::max_rank] = {};
  const auto strides = shape.strides();
  int64_t target = 0;
  for (int64_t count = shape.elements(); count > 0; --count, source += size) {
    std::memcpy(result.data<std::byte>() + static_cast<size_t>(target) * size, source, size);
    for (int axis = 0; axis < shape.rank(); ++axis) {
      target += strides[axis];
      if (++index[axis] < shape[axis]) break;
      target -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

Tensor parse_npy(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.size() < magic.size() + 4 || !starts_with(text, magic)) {
    throw ParseError("it does not begin as a .npy file does");
  }
  const auto byte = [&](size_t at) { return static_cast<size_t>(bytes[at]); };
  const size_t version = byte(6);
  if (version < 1 || version > 3)
    throw ParseError(fmt::format("format version {}; 1 to 3 are known", version));
  const size_t start = version == 1 ? 10 : 12;
  if (text.size() < start) throw ParseError("it ends inside its header");
  size_t length = byte(8) | byte(9) << 8;
  if (version > 1) length |= byte(10) << 16 | byte(11) << 24;
  if (length > text.size() - start || length > most_header_bytes) {
    throw ParseError(fmt::format("its header wants {} bytes, the file has {}", length, text.size() - start));
  }
  const auto header = HeaderParser(text.substr(start, length)).parse();
  TensorDesc desc;
  desc.type = type_of(*header.descr);
  try {
    desc.shape = Shape(*header.shape);
  } catch (const GraphError& error) {
    throw ParseError(error.what());
  }
  const std::span<const std::byte> data = bytes.subspan(start + length);
  if (data.size() != desc.bytes()) {
    throw ParseError(fmt::format("an array {} has {} bytes; the file has {} after its header",
                                 desc.to_string(), desc.bytes(), data.size()));
  }
  if (!holds(desc, data)) throw ParseError("a boolean is neither 0 nor 1");
  Tensor result(desc);
  if (*header.fortran_order) {
    transpose_into(result, data.data());
  } else if (!data.empty()) {
    std::memcpy(result.data<std::byte>(), data.data(), data.size());
  }
  return result;
}

}  // namespace

Tensor read_npy(const std::filesystem::path& path) {
  const MappedFile file(path);
  const auto message = [&](const Error& error) {
    return fmt::format("'{}': {}", path.string(), error.what());
  };
  try {
    return parse_npy(file.bytes());
  } catch (const ParseError& error) {
    throw ParseError(message(error));
  } catch (const UnsupportedError& error) {
    throw UnsupportedError(message(error));
  }
}

void write_npy(const std::filesystem::path& path, const TensorView& tensor) {
  std::string_view code;
  for (const TypeCode& row : type_codes) {
    if (row.type == tensor.desc.type) code = row.code;
  }
  if (code.empty()) {
    throw UnsupportedError(
        fmt::format("'{}': NumPy has no element type {}", path.string(), to_string(tensor.desc.type)));
  }
  const auto dims = tensor.desc.shape.dims();
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", code,
                                   fmt::join(dims, ", "), dims.size() == 1 ? "," : "");
  // Padded with blanks, so that the data begin at a multiple of 64 bytes.
  const size_t before = magic.size() + 4;
  header.resize(
      (before + header.size() + header_alignment) / header_alignment * header_alignment - before - 1, ' ');
  header += '\n';
  std::string file(magic);
  file += '\1';
  file += '\0';
  file += static_cast<char>(header.size() & 0xFF);
  file += static_cast<char>(header.size() >> 8);
  file += header;
  const Tensor rows = with_layout(tensor, Layout::nchw);
  file.append(rows.data<char>(), rows.desc().bytes());
  write_file(path, file);
}

}  // namespace raceline
