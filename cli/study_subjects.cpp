#include "cli/study_subjects.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/predictors.h"
#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/dataset/layer_type.h"
#include "raceline/dataset/splits.h"

namespace raceline::cli {
namespace {

constexpr std::string_view gpus[] = {"GTX1080Ti", "K80", "P100", "V100"};
constexpr std::string_view platforms[] = {"tensorflow", "onnxruntime", "openvino"};
constexpr const char* all_batches = "1,2,4,8,16,32";

/// "conv_K80.csv.gz" and the like.
bool is_published(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return (name.starts_with("conv_") || name.starts_with("dense_")) &&
         (name.ends_with(".csv") || name.ends_with(".csv.gz"));
}

std::vector<std::filesystem::path> published_files(const std::vector<std::filesystem::path>& paths) {
  std::vector<std::filesystem::path> files;
  for (const std::filesystem::path& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (is_published(entry.path())) found.push_back(entry.path());
    }
    if (found.empty())
      throw Error(fmt::format("'{}' holds no file like conv_GTX1080Ti.csv.gz", path.string()));
    std::ranges::sort(found);
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

bool is_of(const DatasetRow& row, const StudySubject& subject) {
  return row.platform == subject.platform && row.accelerator == subject.accelerator &&
         row.mode == subject.mode && row.threads == subject.threads;
}

void add(std::vector<SubjectRows>& subjects, Dataset dataset) {
  for (DatasetRow& row : dataset.rows) {
    if (!row.primitive.empty()) continue;  // the papers know a platform as one
    auto found =
        std::ranges::find_if(subjects, [&](const SubjectRows& each) { return is_of(row, each.subject); });
    if (found == subjects.end()) {
      subjects.push_back({{.platform = row.platform,
                           .accelerator = row.accelerator,
                           .mode = row.mode,
                           .threads = row.threads,
                           .how = {}},
                          {}});
      found = std::prev(subjects.end());
    }
    found->rows.rows.push_back(std::move(row));
  }
}

std::string collect_layers(std::string_view platform) {
  return fmt::format(
      "raceline collect --platform {} --space resperfnet --layers conv,max_pool,dense --samples 2000",
      platform);
}

std::string collect_networks(const StudySubject& subject, const std::vector<std::string>& networks) {
  return fmt::format("raceline collect --platform {}{}{} --models {} --batch {}", subject.platform,
                     subject.mode == "optimised" ? "" : " --mode " + subject.mode,
                     subject.threads > 1 ? fmt::format(" --threads {}", subject.threads) : "",
                     join(networks, ","), all_batches);
}

bool has_rows_of(const Dataset& rows, std::string_view set) {
  return std::ranges::find(rows.rows, set, &DatasetRow::set) != rows.rows.end();
}

/// Sets that judge, of those that there are.
std::vector<std::string> judging_sets(const Dataset& rows) {
  std::vector<std::string> sets;
  for (const char* each : {set_test, set_test_networks, set_test_uniform}) {
    if (has_rows_of(rows, each)) sets.emplace_back(each);
  }
  return sets;
}

/// Rows that nobody has split yet are; frozen sets judge where there are any, and then all others are trained
/// on.
void split_unless_done(SubjectRows& each, uint64_t seed) {
  std::vector<std::string> sets = judging_sets(each.rows);
  const bool has_frozen = !sets.empty();
  if (!has_rows_of(each.rows, set_test) && !(has_frozen && has_rows_of(each.rows, set_validation)))
    split(each.rows, {.test = has_frozen ? 0 : SplitOptions{}.test, .seed = seed});
  sets = judging_sets(each.rows);
  if (!sets.empty()) each.subject.sets = std::move(sets);
}

void prepare(SubjectRows& each, const std::vector<std::string>& networks,
             const std::vector<std::string>& network_layers, uint64_t seed) {
  StudySubject& subject = each.subject;
  subject.is_there = std::ranges::any_of(
      each.rows.rows, [](const DatasetRow& row) { return row.set != set_pairs && row.set != set_models; });
  subject.has_networks =
      std::ranges::any_of(each.rows.rows, [](const DatasetRow& row) { return row.set == set_models; });
  split_unless_done(each, seed);
  remove_layers(each.rows, network_layers);
  // On the accelerators of others nobody here can measure more.
  if (!subject.is_there) {
    subject.how = collect_layers(subject.platform);
  } else if (subject.threads > 0) {
    subject.how = collect_networks(subject, networks);
  }
}

}  // namespace

const DatasetRow* SubjectRows::network(const std::string& name, int64_t batch) const {
  const auto found = std::ranges::find_if(rows.rows, [&](const DatasetRow& row) {
    return row.type == "model" && row.repeat == 0 && row.layer == model_name(name, batch);
  });
  return found == rows.rows.end() ? nullptr : &*found;
}

std::vector<SubjectRows> study_subjects(const StudySources& sources, const std::vector<std::string>& networks,
                                        const std::vector<std::string>& network_layers, uint64_t seed) {
  std::vector<SubjectRows> subjects;
  for (const std::filesystem::path& path : published_files(sources.published))
    add(subjects, read_published(PublicFormat::justus, path));
  for (const std::filesystem::path& path : sources.data) add(subjects, read_dataset(path));
  if (!sources.store.empty() && std::filesystem::exists(sources.store))
    add(subjects, dataset_of(SampleStore::open(sources.store, SampleStore::Mode::read)));
  for (SubjectRows& each : subjects) prepare(each, networks, network_layers, seed);
  for (SubjectRows& each : subjects) {
    StudySubject& plain = each.subject;
    plain.is_judged = std::ranges::none_of(subjects, [&](const SubjectRows& other) {
      const StudySubject& fast = other.subject;
      return plain.mode == "unoptimised" && fast.mode == "optimised" && plain.platform == fast.platform &&
             plain.accelerator == fast.accelerator && plain.threads == fast.threads;
    });
  }
  const auto add_absent = [&](std::string_view platform, std::string_view accelerator,
                              const std::string& how) {
    const bool known = std::ranges::any_of(subjects, [&](const SubjectRows& each) {
      return each.subject.platform == platform && each.subject.accelerator == accelerator;
    });
    if (known) return;
    subjects.push_back({{.platform = std::string(platform),
                         .accelerator = std::string(accelerator),
                         .mode = "optimised",
                         .is_there = false,
                         .how = how},
                        {}});
  };
  for (const std::string_view gpu : gpus) {
    add_absent("tensorflow-1.10", gpu,
               fmt::format("--published with conv_{0}.csv.gz and dense_{0}.csv.gz (docs/datasets.md)", gpu));
  }
  for (const std::string_view platform : platforms) add_absent(platform, "cpu", collect_layers(platform));
  return subjects;
}

Dataset rows_of_type(const Dataset& rows, std::string_view type) {
  Dataset some;
  std::ranges::copy_if(rows.rows, std::back_inserter(some.rows),
                       [&](const DatasetRow& row) { return row.type == type; });
  return some;
}

Dataset rows_of_other_types(const Dataset& rows) {
  Dataset some;
  std::ranges::copy_if(rows.rows, std::back_inserter(some.rows), [&](const DatasetRow& row) {
    return is_layer(row.layer) && row.set != set_pairs && !is_paper_type(row.type);
  });
  return some;
}

std::vector<const DatasetRow*> test_rows(const Dataset& rows, const StudyKey& key, PhaseModel definition) {
  std::vector<const DatasetRow*> some;
  for (const DatasetRow& row : rows.rows) {
    if (row.type == key.type && row.set == key.set && row.repeat == 0 &&
        time_of(row.label(definition), key.phase) > 0)
      some.push_back(&row);
  }
  return some;
}

size_t training_rows(const Dataset& rows, std::string_view type, Phase phase, PhaseModel definition) {
  return static_cast<size_t>(std::ranges::count_if(rows.rows, [&](const DatasetRow& row) {
    return row.type == type && (row.set == set_train || row.set == set_validation) && row.repeat == 0 &&
           time_of(row.label(definition), phase) > 0;
  }));
}

}  // namespace raceline::cli
