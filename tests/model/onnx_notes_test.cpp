// Notes reach the nodes of a copy, and nothing else of the file changes.
#include "raceline/model/onnx_notes.h"

#include <map>

#include "raceline/model/wire.h"
#include "tests/model/testing.h"

namespace raceline {
namespace {

using namespace testing;

using Bytes = std::span<const std::byte>;

std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The bodies of the fields of this number.
std::vector<Bytes> fields(Bytes message, uint32_t number) {
  std::vector<Bytes> bodies;
  WireReader reader(message, message);
  while (const auto field = reader.next()) {
    if (field->number == number) bodies.push_back(field->body);
  }
  return bodies;
}

/// key=value, one an entry.
std::vector<std::string> entries(Bytes message, uint32_t number) {
  std::vector<std::string> texts;
  for (const Bytes entry : fields(message, number)) {
    texts.push_back(text_of(fields(entry, 1).at(0)) + "=" + text_of(fields(entry, 2).at(0)));
  }
  return texts;
}

/// Notes of each node by its op type, and of the model under "".
std::map<std::string, std::vector<std::string>> notes_in(const std::filesystem::path& path) {
  const MappedFile file(path);
  std::map<std::string, std::vector<std::string>> notes;
  notes[""] = entries(file.bytes(), 14);
  for (const Bytes graph : fields(file.bytes(), 7)) {
    for (const Bytes node : fields(graph, 1)) notes[text_of(fields(node, 4).at(0))] = entries(node, 9);
  }
  return notes;
}

TEST(OnnxNotes, NodesAreFoundByNameAndElseByWhatTheyGive) {
  const TempFolder folder;
  small_network().write(folder / "m.onnx");
  const OnnxNotes notes{
      .model = {{"raceline.run_us", "12"}},
      .nodes = {{"conv1", "not looked at", {{"raceline.time_us", "5"}, {"raceline.share", "x"}}},
                {"of the reader", "p1", {{"raceline.time_us", "6"}}},
                {"nobody", "nothing", {{"raceline.time_us", "7"}}}}};
  EXPECT_EQ(write_onnx_notes(folder / "m.onnx", folder / "copy.onnx", notes), std::vector<size_t>{2});
  auto found = notes_in(folder / "copy.onnx");
  EXPECT_EQ(found["Conv"], (std::vector<std::string>{"raceline.time_us=5", "raceline.share=x"}));
  EXPECT_EQ(found["MaxPool"], std::vector<std::string>{"raceline.time_us=6"});
  EXPECT_EQ(found["Relu"], std::vector<std::string>{});
  EXPECT_EQ(found[""], std::vector<std::string>{"raceline.run_us=12"});
}

TEST(OnnxNotes, TheCopyIsTheSameModel) {
  const TempFolder folder;
  small_network().write(folder / "m.onnx");
  write_onnx_notes(folder / "m.onnx", folder / "copy.onnx",
                   {.nodes = {{"conv1", "", {{"raceline.time_us", std::string(300, '5')}}}}});
  Reference reference;
  const Graph before = OnnxModel::load(folder / "m.onnx").build({}, reference.evaluator());
  const Graph after = OnnxModel::load(folder / "copy.onnx").build({}, reference.evaluator());
  EXPECT_EQ(before.to_string(), after.to_string());
  for (const char* name : {"w1", "w2", "b1"}) {
    const TensorView a = before.constant(before.find_value(name)), b = after.constant(after.find_value(name));
    EXPECT_EQ(text_of({a.data<std::byte>(), a.desc.bytes()}), text_of({b.data<std::byte>(), b.desc.bytes()}));
  }
}

TEST(OnnxNotes, OldNotesOfOursAreReplacedAndOthersStay) {
  const TempFolder folder;
  small_network().write(folder / "m.onnx");
  write_onnx_notes(folder / "m.onnx", folder / "foreign.onnx",
                   {.model = {{"author", "a"}}, .nodes = {{"conv1", "", {{"scope", "s"}}}}});
  const OnnxNotes notes{
      .model = {{"raceline.run_us", "1"}},
      .nodes = {{"conv1", "", {{"raceline.time_us", "1"}}}, {"relu1", "", {{"raceline.time_us", "2"}}}}};
  write_onnx_notes(folder / "foreign.onnx", folder / "once.onnx", notes);
  // Over itself, and with fewer notes than before.
  const OnnxNotes fewer{.model = notes.model, .nodes = {notes.nodes[0]}};
  write_onnx_notes(folder / "once.onnx", folder / "once.onnx", fewer);
  auto found = notes_in(folder / "once.onnx");
  EXPECT_EQ(found["Conv"], (std::vector<std::string>{"scope=s", "raceline.time_us=1"}));
  EXPECT_EQ(found["Relu"], std::vector<std::string>{});
  EXPECT_EQ(found[""], (std::vector<std::string>{"author=a", "raceline.run_us=1"}));
}

TEST(OnnxNotes, WhatIsNoModelIsNotCopied) {
  const TempFolder folder;
  write_file(folder / "m.onnx", "no model at all");
  EXPECT_THROW(write_onnx_notes(folder / "m.onnx", folder / "copy.onnx", {}), ParseError);
  EXPECT_THROW(write_onnx_notes(folder / "none.onnx", folder / "copy.onnx", {}), IoError);
  EXPECT_FALSE(std::filesystem::exists(folder / "copy.onnx"));
}

}  // namespace
}  // namespace raceline
