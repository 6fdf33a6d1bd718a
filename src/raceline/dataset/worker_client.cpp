#include "raceline/dataset/worker_client.h"

#include <cmath>
#include <numeric>
#include <span>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "raceline/base/file.h"
#include "raceline/base/file_identity.h"
#include "raceline/base/hash.h"
#include "raceline/base/text.h"

namespace raceline {
namespace {

using Json = nlohmann::json;

constexpr double quick = 60;  ///< seconds for what takes no time
constexpr size_t most_attached = size_t{1} << 32;

[[noreturn]] void garbage(const std::string& what) {
  throw ChildError(ChildError::Kind::garbage, fmt::format("a worker's answer can't be understood: {}", what));
}

template <class T>
T field(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) garbage(fmt::format("it lacks '{}'", name));
  try {
    return found->get<T>();
  } catch (const Json::exception&) {
    garbage(fmt::format("'{}' is of another type", name));
  }
}

std::string name_of(std::string_view what) {
  return hex(hash_text(what)) + hex(hash_text(what, 1));
}

}  // namespace

std::string PlatformFacts::versions_text() const {
  std::vector<std::string> parts;
  for (const auto& [name, version] : versions) parts.push_back(fmt::format("{} {}", name, version));
  return join(parts, ", ");
}

struct WorkerClient::Reply {
  Json fields;
  std::string attachment;
};

WorkerClient::WorkerClient(const std::vector<std::string>& command, const ChildProcess::Options& options)
    : process_(command, options) {
  const Json fields = ask("hello", "{}", quick).fields;
  if (const auto spoken = field<std::string>(fields, "protocol"); spoken != protocol) {
    garbage(fmt::format("it speaks '{}', wanted '{}'", spoken.substr(0, 80), protocol));
  }
  facts_.platform = field<std::string>(fields, "platform");
  facts_.accelerator = field<std::string>(fields, "accelerator");
  facts_.versions = field<std::map<std::string, std::string>>(fields, "versions");
  facts_.modes = field<std::vector<std::string>>(fields, "modes");
  facts_.has_primitives = fields.contains("primitives") && field<bool>(fields, "primitives");
}

WorkerClient::~WorkerClient() {
  constexpr double patience = 2;
  if (!is_usable_ || !process_.is_running()) return;  // or moved from
  try {
    process_.resume();
    ask("bye", "{}", patience);
    process_.finish(patience);
  } catch (const std::exception&) {
    // It is killed, then.
  }
}
WorkerClient::WorkerClient(WorkerClient&&) noexcept = default;
WorkerClient& WorkerClient::operator=(WorkerClient&&) noexcept = default;

WorkerClient::Reply WorkerClient::ask(const std::string& verb, const std::string& fields, double seconds,
                                      const std::string& attachment) {
  is_usable_ = false;
  Json request = Json::parse(fields);
  const int64_t id = next_id_++;
  request["id"] = id;
  request["verb"] = verb;
  request["seconds"] = seconds;
  if (!attachment.empty()) request["bytes"] = attachment.size();
  process_.send(request.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n", seconds);
  if (!attachment.empty()) process_.send(attachment, seconds);

  const std::string line = process_.read_line(seconds);
  Reply reply;
  reply.fields = Json::parse(line, nullptr, false);
  if (!reply.fields.is_object()) garbage(fmt::format("'{}' is no JSON object", line.substr(0, 80)));
  if (field<int64_t>(reply.fields, "id") != id) garbage("it answers another question");
  const bool ends = reply.fields.contains("ends") && field<bool>(reply.fields, "ends");
  is_usable_ = !ends;
  if (const auto error = reply.fields.find("error"); error != reply.fields.end()) {
    const std::string what = fmt::format("{}: {}", facts_.platform.empty() ? "worker" : facts_.platform,
                                         field<std::string>(*error, "message"));
    if (ends) throw ChildError(ChildError::Kind::ended, what);
    throw WorkerError(field<std::string>(*error, "kind"), what);
  }
  if (reply.fields.contains("bytes")) {
    const auto bytes = field<size_t>(reply.fields, "bytes");
    is_usable_ = false;
    if (bytes > most_attached) garbage(fmt::format("{} bytes are announced", bytes));
    reply.attachment = process_.read_bytes(bytes, seconds);
    is_usable_ = true;
  }
  return reply;
}

std::string WorkerClient::provide(const std::filesystem::path& file, double seconds) {
  const std::filesystem::path path = std::filesystem::absolute(file);
  const FileIdentity identity = identity_of(path);
  if (identity.size == 0) throw IoError(fmt::format("'{}' is empty", file.string()));
  const std::string name =
      name_of(fmt::format("{} {} {} {}", path.string(), identity.inode, identity.size, identity.modified_ns));
  const Json known{{"path", path.string()},
                   {"inode", identity.inode},
                   {"size", identity.size},
                   {"modified_ns", identity.modified_ns}};
  const std::string fields =
      Json{{"hash", name}, {"file", known}}.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (!field<bool>(ask("have", fields, quick).fields, "have"))
    ask("put", Json{{"hash", name}}.dump(), seconds, read_file(path));
  files_.push_back(name);
  return name;
}

void WorkerClient::drop_files() {
  for (const std::string& name : std::exchange(files_, {})) {
    ask("drop", Json{{"hash", name}}.dump(), quick);
  }
}

std::string WorkerClient::fields_of(const ModelRequest& request, double seconds) {
  Json fields{{"model", provide(request.model, seconds)},
              {"mode", request.mode},
              {"threads", request.threads},
              {"inputs", Json::object()}};
  if (!request.plan.empty()) fields["plan"] = provide(request.plan, seconds);
  if (request.tune) fields["tune"] = true;
  if (!request.primitive.empty()) fields["primitive"] = request.primitive;
  for (const auto& [name, file] : request.inputs) fields["inputs"][name] = provide(file, seconds);
  return fields.dump(-1, ' ', false, Json::error_handler_t::replace);
}

OpenedOnWorker WorkerClient::open(const ModelRequest& request, double seconds) {
  const Json answer = ask("open", fields_of(request, seconds), seconds).fields;
  return {field<std::vector<std::string>>(answer, "outputs"), field<double>(answer, "load_us")};
}

std::vector<std::string> WorkerClient::primitives(const ModelRequest& request, double seconds) {
  if (!facts_.has_primitives) return {};
  const Json answer = ask("primitives", fields_of(request, seconds), seconds).fields;
  return field<std::vector<std::string>>(answer, "primitives");
}

MeasuredOnWorker WorkerClient::measure(double budget_us, int most, double seconds) {
  const std::string fields = Json{{"budget_us", budget_us}, {"runs", most}}.dump();
  const Json answer = ask("measure", fields, seconds).fields;
  const auto runs = field<std::vector<std::vector<std::tuple<std::string, double, double>>>>(answer, "runs");
  if (runs.empty() || runs.size() > static_cast<size_t>(most)) {
    garbage(fmt::format("{} runs, wanted 1 to {}", runs.size(), most));
  }
  MeasuredOnWorker measured;
  for (const auto& run : runs) {
    RawTimes times{};
    for (const auto& [name, begin, end] : run) {
      if (!std::isfinite(begin) || !std::isfinite(end) || end < begin || end - begin > 1e10) {
        garbage(fmt::format("a step from {} to {} us", begin, end));
      }
      try {
        times[static_cast<size_t>(parse_raw_step(name))] += end - begin;
      } catch (const ParseError& error) {
        garbage(error.what());
      }
    }
    if (std::accumulate(times.begin(), times.end(), 0.0) <= 0) garbage("a run that took no time");
    measured.runs.push_back(times);
  }
  if (answer.contains("kernels")) {
    measured.kernels = join(field<std::vector<std::string>>(answer, "kernels"), " ").substr(0, 4096);
  }
  return measured;
}

std::vector<double> WorkerClient::run(int count, int warm_up, double seconds) {
  const std::string fields = Json{{"count", count}, {"warm_up", warm_up}}.dump();
  auto samples = field<std::vector<double>>(ask("run", fields, seconds).fields, "samples_us");
  if (samples.size() != static_cast<size_t>(count)) {
    garbage(fmt::format("{} samples, wanted {}", samples.size(), count));
  }
  for (const double sample : samples) {
    if (!std::isfinite(sample) || sample <= 0) garbage(fmt::format("a run of {} us", sample));
  }
  return samples;
}

std::string WorkerClient::output(const std::string& name, double seconds) {
  const std::string fields = Json{{"name", name}}.dump(-1, ' ', false, Json::error_handler_t::replace);
  return ask("output", fields, seconds).attachment;
}

double WorkerClient::peak_bytes() {
  return field<double>(ask("memory", "{}", quick).fields, "peak_bytes");
}

}  // namespace raceline
