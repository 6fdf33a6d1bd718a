#include "raceline/dataset/worker_client.h"

#include <cmath>
#include <span>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "raceline/base/file.h"
#include "raceline/base/hash.h"

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

std::string name_of(std::string_view content) {
  return hex(hash_text(content)) + hex(hash_text(content, 1));
}

}  // namespace

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
}

WorkerClient::~WorkerClient() = default;
WorkerClient::WorkerClient(WorkerClient&&) noexcept = default;
WorkerClient& WorkerClient::operator=(WorkerClient&&) noexcept = default;

WorkerClient::Reply WorkerClient::ask(const std::string& verb, const std::string& fields, double seconds,
                                      const std::string& attachment) {
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
  if (const auto error = reply.fields.find("error"); error != reply.fields.end()) {
    const auto what = field<std::string>(*error, "message");
    throw WorkerError(field<std::string>(*error, "kind"),
                      fmt::format("{}: {}", facts_.platform.empty() ? "worker" : facts_.platform, what));
  }
  if (reply.fields.contains("bytes")) {
    const auto bytes = field<size_t>(reply.fields, "bytes");
    if (bytes > most_attached) garbage(fmt::format("{} bytes are announced", bytes));
    reply.attachment = process_.read_bytes(bytes, seconds);
  }
  return reply;
}

std::string WorkerClient::provide(const std::filesystem::path& file, double seconds) {
  const std::string content = read_file(file);
  if (content.empty()) throw IoError(fmt::format("'{}' is empty", file.string()));
  const std::string name = name_of(content);
  const std::string fields = Json{{"hash", name}}.dump();
  if (!field<bool>(ask("have", fields, quick).fields, "have")) ask("put", fields, seconds, content);
  return name;
}

OpenedOnWorker WorkerClient::open(const ModelRequest& request, double seconds) {
  Json fields{{"model", provide(request.model, seconds)},
              {"mode", request.mode},
              {"threads", request.threads},
              {"inputs", Json::object()}};
  if (!request.plan.empty()) fields["plan"] = provide(request.plan, seconds);
  for (const auto& [name, file] : request.inputs) fields["inputs"][name] = provide(file, seconds);
  const Json answer =
      ask("open", fields.dump(-1, ' ', false, Json::error_handler_t::replace), seconds).fields;
  return {field<std::vector<std::string>>(answer, "outputs"), field<double>(answer, "load_us")};
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
