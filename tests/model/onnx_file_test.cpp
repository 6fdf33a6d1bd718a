// The wire walker gives what protobuf gives, without the large weights.
#include "tests/model/messages.h"
// above: it says how ONNX was built
#include "raceline/base/error.h"
#include "raceline/model/onnx_file.h"
#include "raceline/model/wire.h"
#include "tests/model/testing.h"

namespace raceline {
namespace {

using namespace testing;

std::string raw(size_t bytes, char fill) {
  return std::string(bytes, fill);
}

/// The model of the file with its large data put back.
onnx::ModelProto completed(const OnnxFile& file) {
  onnx::ModelProto model = file.model();
  const auto complete = [&](onnx::TensorProto& copy, const onnx::TensorProto& original) {
    if (const auto left = file.left_in_file(original)) copy.set_raw_data(left->data(), left->size());
  };
  onnx::GraphProto& graph = *model.mutable_graph();
  for (int i = 0; i < graph.initializer_size(); ++i) {
    complete(*graph.mutable_initializer(i), file.model().graph().initializer(i));
  }
  for (int n = 0; n < graph.node_size(); ++n) {
    for (int a = 0; a < graph.node(n).attribute_size(); ++a) {
      if (!graph.node(n).attribute(a).has_t()) continue;
      complete(*graph.mutable_node(n)->mutable_attribute(a)->mutable_t(),
               file.model().graph().node(n).attribute(a).t());
    }
  }
  return model;
}

void expect_same_as_protobuf(const std::filesystem::path& path) {
  onnx::ModelProto plain;
  ASSERT_TRUE(plain.ParseFromString(read_file(path)));
  const OnnxFile file(path);
  EXPECT_EQ(completed(file).SerializeAsString(), plain.SerializeAsString()) << path;
}

TEST(OnnxFile, AgreesWithProtobufOnAWrittenModel) {
  const TempFolder folder;
  small_network().write(folder / "m.onnx");
  expect_same_as_protobuf(folder / "m.onnx");
}

TEST(OnnxFile, AgreesWithProtobufOnRealModels) {
  const std::filesystem::path real = std::filesystem::path(RACELINE_SOURCE_DIR) / "../shared/onnx-real";
  if (!std::filesystem::exists(real)) GTEST_SKIP() << "no models in " << real;
  for (const auto* name : {"mnist-cntk", "squeezenet1.0-f32", "ultraface-rfb-320"}) {
    expect_same_as_protobuf(real / name / "model.onnx");
  }
}

TEST(OnnxFile, LeavesLargeDataInTheFileAndSmallDataInTheMessages) {
  const TempFolder folder;
  small_network().write(folder / "m.onnx");
  const OnnxFile file(folder / "m.onnx");
  const onnx::GraphProto& graph = file.model().graph();
  ASSERT_EQ(graph.initializer_size(), 3);
  const auto w1 = file.left_in_file(graph.initializer(0));
  ASSERT_TRUE(w1);
  EXPECT_EQ(w1->size(), 16u * 27 * 4);
  EXPECT_FALSE(graph.initializer(0).has_raw_data());
  EXPECT_GE(w1->data(), file.bytes().data());
  EXPECT_LE(w1->data() + w1->size(), file.bytes().data() + file.bytes().size());
  EXPECT_FALSE(file.left_in_file(graph.initializer(1)));
  EXPECT_EQ(graph.initializer(1).raw_data().size(), 64u);
}

TEST(OnnxFile, FollowsProtobufWhenAMessageIsGivenInParts) {
  // Two graph fields are merged, a tensor attribute given twice is merged, and the last raw_data counts.
  const auto tensor = [](const std::string& data) {
    onnx::TensorProto proto;
    proto.set_data_type(onnx::TensorProto::UINT8);
    proto.set_raw_data(data);
    return proto.SerializeAsString();
  };
  const auto field = [](uint32_t number, const std::string& body) {
    std::string out;
    append_bytes_field(out, number, std::as_bytes(std::span(body)));
    return out;
  };
  const std::string large = tensor(raw(2000, 'a'));
  const std::string larger = tensor(raw(3000, 'b'));
  const std::string small = tensor(raw(10, 'c'));
  const auto node = [&](const std::string& first, const std::string& second) {
    return field(1, field(5, field(1, "value") + field(5, first) + field(5, second)));
  };
  const std::string content = field(7, field(5, large) + node(large, small)) +
                              field(7, field(5, larger) + node(small, larger) + node(large, larger));
  const TempFolder folder;
  write_file(folder / "m.onnx", content);
  expect_same_as_protobuf(folder / "m.onnx");
  const OnnxFile file(folder / "m.onnx");
  ASSERT_EQ(file.model().graph().initializer_size(), 2);
  ASSERT_EQ(file.model().graph().node_size(), 3);
  EXPECT_EQ(file.left_in_file(file.model().graph().initializer(1))->size(), 3000u);
  EXPECT_FALSE(file.left_in_file(file.model().graph().node(0).attribute(0).t()));
  EXPECT_EQ(file.left_in_file(file.model().graph().node(1).attribute(0).t())->size(), 3000u);
}

TEST(OnnxFile, NamesFileAndPlaceOfACut) {
  const TempFolder folder;
  small_network().write(folder / "m.onnx");
  const std::string whole = read_file(folder / "m.onnx");
  write_file(folder / "cut.onnx", whole.substr(0, whole.size() / 2));
  const std::string text = thrown<ParseError>([&] { OnnxFile file(folder / "cut.onnx"); });
  EXPECT_TRUE(contains(text, "cut.onnx")) << text;
  EXPECT_TRUE(contains(text, "the file ends at byte " + std::to_string(whole.size() / 2))) << text;
}

TEST(OnnxFile, RefusesWhatIsNoModel) {
  const TempFolder folder;
  const std::string contents[] = {
      "",         "# a text file\n",         std::string(4096, '\xff'), std::string(4096, '\0'),
      "\x08\x07", "PK\x03\x04 a zip archive"};
  for (const std::string& content : contents) {
    write_file(folder / "x.onnx", content);
    const std::string text = thrown<ParseError>([&] { OnnxFile file(folder / "x.onnx"); });
    EXPECT_TRUE(contains(text, "x.onnx")) << content.substr(0, 20);
  }
  EXPECT_THROW(OnnxFile(folder / "absent.onnx"), IoError);
}

TEST(OnnxFile, RefusesDeeplyNestedGraphs) {
  // graph / node / attribute / graph / node / ... beyond what protobuf follows.
  std::string inner;
  const auto wrap = [](uint32_t number, const std::string& body) {
    std::string out;
    append_bytes_field(out, number, std::as_bytes(std::span(body)));
    return out;
  };
  for (int depth = 0; depth < 2000; ++depth) inner = wrap(1, wrap(5, wrap(6, inner)));
  const TempFolder folder;
  write_file(folder / "deep.onnx", wrap(7, inner));
  EXPECT_THROW(OnnxFile(folder / "deep.onnx"), ParseError);
}

TEST(OnnxFile, NoticesThatTheFileChanged) {
  const TempFolder folder;
  small_network().write(folder / "m.onnx");
  OnnxModel model = OnnxModel::load(folder / "m.onnx");
  OnnxWriter other("other", 13);
  other.write(folder / "m.onnx");
  EXPECT_THROW(model.build({}, {}), IoError);
}

TEST(OnnxModel, ReadsTheOpsetThatIsMeant) {
  const TempFolder folder;
  const auto opset = [&](int64_t ir, const std::vector<std::pair<std::string, int64_t>>& imports) {
    onnx::ModelProto model;
    model.set_ir_version(ir);
    model.mutable_graph()->set_name("g");
    for (const auto& [domain, version] : imports) {
      auto& import = *model.add_opset_import();
      import.set_domain(domain);
      import.set_version(version);
    }
    write_file(folder / "m.onnx", model.SerializeAsString());
    return OnnxModel::load(folder / "m.onnx").opset();
  };
  EXPECT_EQ(opset(7, {{"", 13}}), 13);
  EXPECT_EQ(opset(7, {{"ai.onnx.ml", 2}, {"ai.onnx", 12}}), 12);
  EXPECT_EQ(opset(7, {{"", 13}, {"ai.onnx", 13}}), 13);
  EXPECT_EQ(opset(2, {}), 1);
  EXPECT_THROW(opset(7, {{"", 13}, {"", 12}}), ParseError);
  EXPECT_THROW(opset(7, {{"com.example", 1}}), ParseError);
}

TEST(Wire, StretchedVarintsKeepTheirValue) {
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{127}, uint64_t{128}, ~uint64_t{0}}) {
    for (size_t bytes = 0; bytes <= 10; ++bytes) {
      std::string text;
      append_varint(text, 8);  // tag of field 1, varint
      append_varint(text, value, bytes);
      const auto span = std::as_bytes(std::span(text));
      WireReader reader(span, span);
      const auto field = reader.next();
      ASSERT_TRUE(field);
      EXPECT_EQ(field->whole.size(), text.size());
      EXPECT_EQ(text.size(), 1 + std::max(bytes, varint_size(value)));
      EXPECT_FALSE(reader.next());
    }
  }
}

}  // namespace
}  // namespace raceline
