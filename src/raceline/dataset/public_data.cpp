// Public latency data of others, as they published it: Justus et al. (TensorFlow 1.10 on GPUs), TensorRT
// convolutions on a V100 (lightweight-neural-architecture-search), MIOpen's find database. See
// docs/datasets.md.
#include <array>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/csv.h"
#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/dataset/dataset.h"
#include "raceline/dataset/layer_draws.h"
#include "raceline/dataset/layer_type.h"
#include "raceline/dataset/spaces.h"

namespace raceline {
namespace {

constexpr std::array<std::string_view, 3> formats{"justus", "trt", "miopen"};
constexpr int64_t most_extent = int64_t{1} << 20;

/// One record, by the names of its columns.
class Record {
 public:
  Record(const std::map<std::string, size_t>& columns, std::vector<CsvField> fields)
      : columns_(columns), fields_(std::move(fields)) {
    check_csv_fields(fields_, columns_.size());
  }

  bool has(const std::string& name) const { return columns_.contains(name); }

  const CsvField& field(const std::string& name) const {
    const auto found = columns_.find(name);
    if (found == columns_.end()) refuse_csv(fields_[0], fmt::format("column '{}' is missing", name));
    return fields_[found->second];
  }

  int64_t whole(const std::string& name, int64_t least = 0) const {
    return csv_int(field(name), name, least, most_extent);
  }

  /// Milliseconds as microseconds.
  double time_us(const std::string& name) const {
    const CsvField& cell = field(name);
    const double value = csv_double(cell, cell.text, name);
    if (!(value > 0) || value > 1e9)
      refuse_csv(cell, fmt::format("{}: '{}' is no time", name, cell.text.substr(0, 80)));
    return value * 1e3;
  }

  size_t line() const { return fields_[0].line; }

  [[noreturn]] void refuse(std::string_view why) const { refuse_csv(fields_[0], why); }

 private:
  const std::map<std::string, size_t>& columns_;
  std::vector<CsvField> fields_;
};

/// The layer with its time; nothing for a row that says nothing of a forward pass.
struct Imported {
  LayerDesc layer;
  double label_us = 0, median_us = 0;
  std::string primitive;
};

std::vector<EpilogueStep> activation_of(const Record& record) {
  constexpr std::array<UnaryKind, 4> kinds{UnaryKind::relu, UnaryKind::relu, UnaryKind::tanh,
                                           UnaryKind::sigmoid};
  const int64_t code = record.whole("activation_fct");
  if (code == 0) return {};
  if (code > 3) record.refuse(fmt::format("activation_fct: {} is none of 0 to 3", code));
  return {EpilogueStep{.kind = EpilogueStep::Kind::unary, .unary = {kinds[static_cast<size_t>(code)]}}};
}

LayerDesc with_epilogue(const LayerDesc& layer, std::vector<EpilogueStep> epilogue) {
  return LayerDesc::make(layer.op, layer.params, layer.inputs, std::move(epilogue));
}

std::optional<Imported> justus_row(const Record& record) {
  if (record.whole("optimizer") != 0) return std::nullopt;  // training
  const double us = record.time_us("time_median_ms");
  if (record.has("dim_input")) {
    DenseLayer d{.batch = record.whole("batchsize", 1),
                 .inputs = record.whole("dim_input", 1),
                 .outputs = record.whole("dim_output", 1)};
    return Imported{with_epilogue(dense_layer(d), activation_of(record)), us, us, {}};
  }
  WindowLayer w;
  w.image = {record.whole("batchsize", 1), record.whole("channels_in", 1), record.whole("matsize", 1),
             record.whole("matsize", 1)};
  w.kernel_h = w.kernel_w = record.whole("kernelsize", 1);
  w.stride_h = w.stride_w = record.whole("strides", 1);
  w.outputs = record.whole("channels_out", 1);
  w.same = record.whole("padding") == 1;
  w.bias = record.whole("use_bias") == 1;
  return Imported{with_epilogue(conv_layer(w), activation_of(record)), us, us, {}};
}

std::optional<Imported> trt_row(const Record& record) {
  WindowLayer w;
  w.image = {record.whole("batch", 1), record.whole("in_c", 1), record.whole("in_h", 1),
             record.whole("in_w", 1)};
  w.outputs = record.whole("out_c", 1);
  w.kernel_h = w.kernel_w = record.whole("kernel", 1);
  w.stride_h = w.stride_w = record.whole("stride", 1);
  w.same = true;
  w.bias = true;  // batch-norm is folded
  w.relu = true;
  const std::string& kind = record.field("conv_type").text;
  if (kind == "Depthwise") {
    w.group = w.outputs = w.image.channels;
  } else if (kind != "Regular") {
    refuse_csv(record.field("conv_type"), fmt::format("conv_type: '{}' is not known", kind.substr(0, 80)));
  }
  LayerDesc layer = conv_layer(w);
  if (record.whole("elmt_fused") == 1) {
    std::vector<OperandDesc> operands = layer.inputs;
    operands.push_back({.desc = layer.outputs[0]});
    layer = LayerDesc::make(layer.op, layer.params, std::move(operands),
                            {EpilogueStep{.kind = EpilogueStep::Kind::add}, layer.epilogue[0]});
  }
  const double us = record.time_us("latency_ms");
  return Imported{std::move(layer), us, us, {}};
}

std::optional<Imported> miopen_row(const Record& record) {
  const Image image{record.whole("batch", 1), record.whole("in_c", 1), record.whole("in_h", 1),
                    record.whole("in_w", 1)};
  const int64_t groups = record.whole("groups", 1);
  if (image.channels % groups != 0)
    record.refuse(fmt::format("{} channels in {} groups", image.channels, groups));
  const std::vector<int64_t> pads{record.whole("pad_h"), record.whole("pad_w")};
  std::vector<OperandDesc> operands{
      {.desc = {DataType::f32, Shape{image.batch, image.channels, image.height, image.width}}},
      {.desc = {DataType::f32, Shape{record.whole("out_c", 1), image.channels / groups,
                                     record.whole("kernel_h", 1), record.whole("kernel_w", 1)}},
       .constant = true}};
  LayerDesc layer =
      LayerDesc::make(OpKind::conv2d,
                      ConvParams{.stride = {record.whole("stride_h", 1), record.whole("stride_w", 1)},
                                 .dilation = {record.whole("dil_h", 1), record.whole("dil_w", 1)},
                                 .pads_begin = pads,
                                 .pads_end = pads,
                                 .group = groups},
                      std::move(operands));
  const double us = record.time_us("time_ms");
  return Imported{std::move(layer), us, us, record.field("solver").text};
}

/// Of the header, which comes first.
std::map<std::string, size_t> columns_of(CsvScanner& scanner) {
  std::map<std::string, size_t> columns;
  for (const CsvField& field : scanner.record()) {
    if (!columns.emplace(field.text, columns.size()).second) {
      refuse_csv(field, fmt::format("column '{}' stands twice", field.text.substr(0, 80)));
    }
  }
  return columns;
}

/// Batch 1 and "same" padding are what nn-Meter's tables mean.
LayerDesc shape_row(const Record& record) {
  const int64_t channels = record.whole("cin", 1), outputs = record.whole("cout", 1);
  if (!record.has("ks")) return dense_layer({.batch = 1, .inputs = channels, .outputs = outputs});
  WindowLayer w;
  w.image = {1, channels, record.whole("input_h", 1), record.whole("input_w", 1)};
  w.outputs = outputs;
  w.kernel_h = w.kernel_w = record.whole("ks", 1);
  w.stride_h = w.stride_w = record.whole("stride", 1);
  w.same = true;
  if (!record.has("groups")) return pool_layer(w, true);
  w.group = record.whole("groups", 1);
  if (channels % w.group != 0 || outputs % w.group != 0)
    record.refuse(fmt::format("{} and {} channels in {} groups", channels, outputs, w.group));
  return conv_layer(w);
}

struct Source {
  std::string_view platform, note;
  std::optional<Imported> (*row)(const Record&);
};

constexpr std::array<Source, 3> sources{{
    {"tensorflow-1.10",
     "Justus et al. 2018 (CDECatapult/ml-performance-prediction, Apache-2.0): forward passes; label and "
     "median are "
     "the published median of 5 repetitions",
     justus_row},
    {"tensorrt",
     "lightweight-neural-architecture-search (Apache-2.0): TensorRT convolutions with folded batch-norm "
     "and ReLU",
     trt_row},
    {"miopen", "MIOpen find-db (MIT): every solver of a layer, as timed while tuning", miopen_row},
}};

}  // namespace

PublicFormat parse_public_format(std::string_view text) {
  for (size_t index = 0; index < formats.size(); ++index) {
    if (text == formats[index]) return static_cast<PublicFormat>(index);
  }
  throw ParseError(fmt::format("'{}' is no format of public data; wanted {}", text.substr(0, 80),
                               fmt::join(formats, ", ")));
}

std::vector<PriorLayer> parse_layer_shapes(std::string_view csv) {
  CsvScanner scanner(csv);
  const std::map<std::string, size_t> columns = columns_of(scanner);
  std::vector<PriorLayer> layers;
  std::set<std::pair<std::string, std::string>> seen;
  while (!scanner.done()) {
    const Record record(columns, scanner.record());
    const std::string& net = record.field("model").text;
    if (net.empty() || net.find_first_of("\t\n#") != std::string::npos)
      refuse_csv(record.field("model"), fmt::format("model: '{}' is no name", net.substr(0, 80)));
    try {
      const LayerDesc layer = shape_row(record);
      if (seen.emplace(net, layer.key()).second) layers.push_back({net, layer});
    } catch (const GraphError& error) {
      record.refuse(error.what());
    }
  }
  return layers;
}

Dataset import_public(PublicFormat format, std::string_view csv, std::string_view name) {
  const Source& source = sources[static_cast<size_t>(format)];
  CsvScanner scanner(csv);
  const std::map<std::string, size_t> columns = columns_of(scanner);
  Dataset dataset;
  size_t left_out = 0, impossible = 0;
  std::string first_impossible;
  std::map<std::string, size_t> groups;
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  while (!scanner.done()) {
    const Record record(columns, scanner.record());
    std::optional<Imported> imported;
    try {
      imported = source.row(record);
    } catch (const GraphError& error) {
      // Published tables hold a few such rows, a kernel larger than its image for one.
      if (impossible++ == 0) first_impossible = fmt::format("line {}: {}", record.line(), error.what());
      continue;
    }
    if (!imported) {
      ++left_out;
      continue;
    }
    DatasetRow row;
    row.layer = imported->layer.key();
    row.type = layer_type(imported->layer);
    row.platform = source.platform;
    row.accelerator = name;
    row.mode = format == PublicFormat::trt ? "optimised" : "unoptimised";
    row.threads = 0;
    row.primitive = imported->primitive;
    row.set = "train";
    // Rows of a grid are neighbours: a split by group keeps the values of one input height together.
    if (format == PublicFormat::trt) row.group = "in_h:" + record.field("in_h").text;
    row.p10.fill({unknown, imported->label_us, unknown});
    row.median.fill({unknown, imported->median_us, unknown});
    dataset.rows.push_back(std::move(row));
  }
  dataset.notes.push_back(fmt::format("imported: {}; {}", source.note, name));
  if (impossible > 0) {
    dataset.notes.push_back(
        fmt::format("left out: {} rows whose layers cannot be; the first: {}", impossible, first_impossible));
  }
  if (left_out > 0) dataset.notes.push_back(fmt::format("left out: {} rows of training steps", left_out));
  return dataset;
}

}  // namespace raceline
