// External data are read where they lie, and only inside the model's folder.
#include <cstring>
#include <filesystem>

#include <sys/stat.h>

#include "raceline/model/tensor_proto.h"
#include "tests/model/messages.h"
#include "tests/model/testing.h"

namespace raceline {
namespace {

namespace fs = std::filesystem;
using namespace testing;
using Entries = std::vector<std::pair<std::string, std::string>>;

void write_external(onnx::TensorProto& tensor, const std::vector<int64_t>& dims, const Entries& entries) {
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  for (const int64_t dim : dims) tensor.add_dims(dim);
  for (const auto& [key, value] : entries) {
    auto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  }
}

/// y = x + w, where w is an initializer of `dims`, or a Constant node's.
std::string model_with(const std::vector<int64_t>& dims, const Entries& entries, bool by_node = false) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  onnx::GraphProto& graph = *model.mutable_graph();
  graph.set_name("external");
  auto& input = *graph.add_input();
  input.set_name("x");
  auto& type = *input.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  for (const int64_t dim : dims) type.mutable_shape()->add_dim()->set_dim_value(dim);
  if (by_node) {
    auto& node = *graph.add_node();
    node.set_op_type("Constant");
    node.add_output("w");
    auto& value = *node.add_attribute();
    value.set_name("value");
    value.set_type(onnx::AttributeProto::TENSOR);
    write_external(*value.mutable_t(), dims, entries);
  } else {
    auto& weights = *graph.add_initializer();
    weights.set_name("w");
    write_external(weights, dims, entries);
  }
  auto& node = *graph.add_node();
  node.set_op_type("Add");
  node.set_name("sum");
  node.add_input("x");
  node.add_input("w");
  node.add_output("y");
  graph.add_output()->set_name("y");
  return model.SerializeAsString();
}

std::string floats(int count) {
  std::string bytes(static_cast<size_t>(count) * 4, '\0');
  for (int i = 0; i < count; ++i) {
    const float value = static_cast<float>(i);
    std::memcpy(bytes.data() + static_cast<size_t>(i) * 4, &value, 4);
  }
  return bytes;
}

/// A folder with a model in it and a secret beside it.
class ExternalData : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "model/sub");
    write_file(folder_ / "secret.bin", floats(64));
    write_file(folder_ / "model/w.bin", floats(64));
    write_file(folder_ / "model/sub/w.bin", floats(64));
  }
  void write(const std::vector<int64_t>& dims, const Entries& entries, bool by_node = false) {
    write_file(folder_ / "model/m.onnx", model_with(dims, entries, by_node));
  }
  Graph build() { return OnnxModel::load(folder_ / "model/m.onnx").build({}, {}); }
  std::vector<float> weights() {
    const Graph graph = build();
    const TensorView view = graph.constant(graph.find_value("w"));
    return {view.data<float>(), view.data<float>() + view.desc.shape.elements()};
  }
  template <class Exception>
  std::string refused(const std::vector<int64_t>& dims, const Entries& entries) {
    write(dims, entries);
    return thrown<Exception>([&] { build(); });
  }
  TempFolder folder_;
};

TEST_F(ExternalData, IsReadFromItsPlace) {
  write({2, 3}, {{"location", "w.bin"}, {"offset", "16"}, {"length", "24"}, {"checksum", "0"}});
  EXPECT_EQ(weights(), (std::vector<float>{4, 5, 6, 7, 8, 9}));
  write({2}, {{"location", "sub/w.bin"}});  // without a length: as many bytes as the tensor has
  EXPECT_EQ(weights(), (std::vector<float>{0, 1}));
  write({2}, {{"location", "./w.bin"}, {"offset", "8"}}, true);
  EXPECT_EQ(weights(), (std::vector<float>{2, 3}));
  write({1}, {{"location", "w.bin"}, {"offset", "2"}});  // not aligned: copied
  EXPECT_EQ(weights().size(), 1u);
  write({0}, {{"location", "w.bin"}, {"offset", "256"}});
  EXPECT_EQ(weights().size(), 0u);
}

TEST_F(ExternalData, IsMappedNotCopied) {
  const int64_t elements = int64_t{1} << 28;  // a sparse file of 1 GiB
  write_file(folder_ / "model/large.bin", "");
  fs::resize_file(folder_ / "model/large.bin", static_cast<uintmax_t>(elements) * 4);
  write({elements}, {{"location", "large.bin"}});
  const Graph graph = build();
  const TensorView view = graph.constant(graph.find_value("w"));
  EXPECT_EQ(view.data<float>()[elements - 1], 0);
}

TEST_F(ExternalData, OutlivesTheModelInItsGraph) {
  write({64}, {{"location", "w.bin"}});
  const Graph graph = build();  // the OnnxModel is gone
  EXPECT_EQ(graph.constant(graph.find_value("w")).data<float>()[63], 63);
}

TEST_F(ExternalData, StaysInTheFolder) {
  const auto text = [&](const std::string& location) {
    return refused<UnsupportedError>({4}, {{"location", location}});
  };
  EXPECT_TRUE(contains(text("../secret.bin"), "leaves the model's folder"));
  EXPECT_TRUE(contains(text("sub/../../secret.bin"), "leaves the model's folder"));
  EXPECT_TRUE(contains(text("sub/../w.bin"), "leaves the model's folder"));
  EXPECT_TRUE(contains(text((folder_ / "secret.bin").string()), "not relative"));
  EXPECT_TRUE(contains(text("/etc/passwd"), "'/etc/passwd'"));
  EXPECT_TRUE(contains(text("sub"), "not a regular file"));
  fs::create_symlink("../secret.bin", folder_ / "model/link.bin");
  fs::create_directory_symlink(folder_ / "model/..", folder_ / "model/up");
  EXPECT_TRUE(contains(text("link.bin"), "a link that leaves"));
  EXPECT_TRUE(contains(text("up/secret.bin"), "a link that leaves"));
  EXPECT_EQ(::mkfifo((folder_ / "model/pipe").c_str(), 0600), 0);
  EXPECT_TRUE(contains(text("pipe"), "not a regular file"));
}

TEST_F(ExternalData, MayBeALinkInsideTheFolder) {
  fs::create_symlink("sub/w.bin", folder_ / "model/inside.bin");
  write({4}, {{"location", "inside.bin"}});
  EXPECT_EQ(weights().size(), 4u);
}

TEST_F(ExternalData, OfAFolderWhoseNameBeginsLikeTheModelsIsOutside) {
  fs::create_directory(folder_ / "model2");
  write_file(folder_ / "model2/w.bin", floats(4));
  fs::create_directory_symlink("../model2", folder_ / "model/beside");
  EXPECT_TRUE(contains(refused<UnsupportedError>({4}, {{"location", "beside/w.bin"}}), "a link that leaves"));
}

TEST_F(ExternalData, MustFitFileAndTensor) {
  const auto text = [&](const std::vector<int64_t>& dims, const Entries& entries) {
    return refused<ParseError>(dims, entries);
  };
  EXPECT_TRUE(contains(text({65}, {{"location", "w.bin"}}), "has 256 bytes"));
  EXPECT_TRUE(contains(text({64}, {{"location", "w.bin"}, {"offset", "4"}}), "from byte 4 on"));
  EXPECT_TRUE(contains(text({4}, {{"location", "w.bin"}, {"offset", "9223372036854775807"}}), "from byte"));
  EXPECT_TRUE(contains(text({4}, {{"location", "w.bin"}, {"offset", "99999999999999999999"}}), "offset"));
  EXPECT_TRUE(contains(text({4}, {{"location", "w.bin"}, {"offset", "-4"}}), "-4"));
  EXPECT_TRUE(contains(text({4}, {{"location", "w.bin"}, {"offset", "four"}}), "four"));
  EXPECT_TRUE(
      contains(text({4}, {{"location", "w.bin"}, {"length", "20"}}), "16 bytes; its external data have 20"));
  EXPECT_TRUE(contains(text({4}, {}), "no location"));
  EXPECT_TRUE(contains(text({4}, {{"location", std::string("w.bin\0x", 7)}}), "zero byte"));
  EXPECT_TRUE(contains(refused<IoError>({4}, {{"location", "absent.bin"}}), "absent.bin"));
}

TEST_F(ExternalData, OfATestFileIsRefused) {
  onnx::TensorProto tensor;
  write_external(tensor, {4}, {{"location", "w.bin"}});
  write_file(folder_ / "model/input_0.pb", tensor.SerializeAsString());
  EXPECT_THROW(read_tensor_pb(folder_ / "model/input_0.pb"), UnsupportedError);
}

}  // namespace
}  // namespace raceline
