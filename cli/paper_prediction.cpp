#include "cli/paper_prediction.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <set>
#include <span>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/kept_predictors.h"
#include "cli/predictors.h"
#include "cli/report_files.h"
#include "cli/study_networks.h"
#include "cli/study_subjects.h"
#include "raceline/base/csv.h"
#include "raceline/base/file.h"
#include "raceline/base/text.h"
#include "raceline/report/prediction_tables.h"

namespace raceline::cli {
namespace {

constexpr int64_t quick_rows = 200;

struct Options {
  PredictionPaper paper = PredictionPaper::resperfnet;
  StudySources sources{.published = {}, .data = {}, .store = default_store()};
  std::filesystem::path output, kept = default_store().parent_path() / "predictors";
  std::vector<std::string> networks;
  int64_t rows = 8000;
  uint64_t seed = 1;
  int jobs = 2;
  bool quick = false, json = false;
};

/// A subject's rows of one layer type: the file that is trained on, and how far a repeated measurement lies
/// apart.
struct TypeRows {
  std::filesystem::path file;
  std::vector<NoiseFloor> floors;
};

/// A study on its way: what it is made of beside what it shows.
struct Making {
  PredictionStudy study;
  std::vector<SubjectRows> subjects;
  StudyNetworks networks;
  std::map<std::pair<size_t, std::string>, TypeRows> data;  ///< by subject and type
};

TrainingWish wish_of(Making& making, const StudyKey& key, size_t available) {
  const PredictionStudy& study = making.study;
  const StudyRecipe& recipe = study_recipe(key.recipe);
  TrainingWish wish;
  wish.name = fmt::format("{}: {} {}, {}", making.subjects[key.subject].subject.name(), key.type,
                          to_string(key.phase), recipe.title);
  TrainArguments& arguments = wish.arguments;
  arguments.data = making.data[{key.subject, key.type}].file;
  arguments.model = recipe.model;
  if (key.type != other_types) arguments.types = {key.type};
  arguments.phases = {std::string(to_string(key.phase))};
  arguments.definition = to_string(definition_of(study.paper));
  arguments.rows = study.rows;
  arguments.seed = study.seed;
  arguments.jobs = 1;
  for (const std::string_view setting : words(recipe.settings)) arguments.settings.emplace_back(setting);
  if (study.quick && !recipe.quick.empty()) arguments.settings.emplace_back(recipe.quick);
  wish.wants_epochs = recipe.has_epochs && key.subject == main_subject(study) && key.type == "conv" &&
                      key.phase == Phase::exe;
  arguments.watch = wish.wants_epochs;
  const auto rows = static_cast<double>(std::min<size_t>(available, static_cast<size_t>(study.rows)));
  wish.seconds = 1 + (study.quick ? 0 : recipe.seconds_per_1000_rows * rows * 1e-3);
  return wish;
}

/// Why a cell cannot have a figure; nothing where it can.
std::optional<StudyCell> absent_cell(const SubjectRows& rows, const StudyKey& key, PhaseModel definition) {
  const auto because = [](std::string reason, std::string how) {
    StudyCell cell;
    cell.reason = std::move(reason);
    cell.how = std::move(how);
    return cell;
  };
  const StudySubject& subject = rows.subject;
  if (!subject.is_there) return because("not collected", subject.how);
  const bool is_published = subject.threads == 0;
  if (std::ranges::find(rows.rows.rows, key.type, &DatasetRow::type) == rows.rows.rows.end()) {
    if (is_published) return because("not published", fmt::format("no rows of {} were published", key.type));
    return because("not collected",
                   fmt::format("raceline collect --platform {} --space resperfnet --layers {} --samples 2000",
                               subject.platform, key.type));
  }
  if (training_rows(rows.rows, key.type, key.phase, definition) == 0 ||
      test_rows(rows.rows, key, definition).empty()) {
    if (is_published && key.phase != Phase::exe)
      return because("not published", "execution times alone were published");
    return because("too few rows",
                   fmt::format("no rows of {} with a time of phase {} to train on and to test on", key.type,
                               to_string(key.phase)));
  }
  return std::nullopt;
}

/// Judges a trained cell by the subject's test rows.
StudyCell judged_cell(const Predictor& predictor, const SubjectRows& rows, const StudyKey& key,
                      PhaseModel definition, std::span<const NoiseFloor> floors) {
  StudyCell cell;
  std::vector<LayerFacts> layers;
  for (const DatasetRow* row : test_rows(rows.rows, key, definition)) {
    layers.push_back(facts_of(LayerDesc::parse(row->layer)));
    cell.measured_us.push_back(time_of(row->label(definition), key.phase));
  }
  for (const auto& prediction : predictor.predict(layers, key.phase))
    cell.predicted_us.push_back(prediction->us);
  cell.accuracy = accuracy(cell.predicted_us, cell.measured_us);
  for (const NoiseFloor& floor : floors) {
    if (floor.phase == to_string(key.phase) && floor.above == "all") cell.noise_percent = floor.mape_percent;
  }
  return cell;
}

/// An empty field is not known.
std::vector<EpochErrors> read_epochs(const std::filesystem::path& path) {
  constexpr std::array<std::string_view, 8> columns{"epoch",
                                                    "rate",
                                                    "training_percent",
                                                    "validation_percent",
                                                    "test_percent",
                                                    "training_rmse_ms",
                                                    "validation_rmse_ms",
                                                    "test_rmse_ms"};
  const std::string text = read_file(path);
  CsvScanner scanner(text);
  check_csv_header(scanner.record(), columns);
  std::vector<EpochErrors> epochs;
  while (!scanner.done()) {
    const std::vector<CsvField> record = scanner.record();
    check_csv_fields(record, columns.size());
    const auto value = [&](size_t column) {
      return record[column].text.empty() ? std::numeric_limits<double>::quiet_NaN()
                                         : csv_double(record[column], record[column].text, columns[column]);
    };
    epochs.push_back({csv_int(record[0], columns[0], 1, 1'000'000), value(2), value(4), value(5), value(7)});
  }
  return epochs;
}

/// Adds models of all other types to those of the papers' by which networks are composed.
void add_other_types(Making& making, std::map<size_t, RecipePredictors>& predictors, KeptPredictors& kept,
                     const Options& options, Workbench& bench) {
  std::vector<TrainingWish> wishes;
  std::vector<Predictor*> of;
  for (auto& [subject, by_recipe] : predictors) {
    const auto composed = by_recipe.find(composed_recipe);
    if (composed == by_recipe.end()) continue;
    const Dataset others = rows_of_other_types(making.subjects[subject].rows);
    if (others.rows.empty()) continue;
    making.data[{subject, other_types}].file = kept.keep(others);
    const StudyKey key{
        .subject = subject, .recipe = composed_recipe, .type = other_types, .phase = Phase::exe};
    wishes.push_back(wish_of(making, key, others.rows.size()));
    of.push_back(&composed->second);
  }
  const std::vector<TrainingResult> results = kept.make(wishes, options.jobs);
  for (size_t index = 0; index < wishes.size(); ++index) {
    if (results[index].predictor.empty()) {
      fmt::print(stderr, "{}: {}\n", wishes[index].name, results[index].failure);
      continue;
    }
    Predictor predictor = open_predictor(results[index].predictor.string(), bench);
    std::ranges::move(predictor.parts, std::back_inserter(of[index]->parts));
  }
}

/// Trains what is missing, then judges every cell. Gives the predictors of whole networks by subject.
std::map<size_t, RecipePredictors> fill_cells(Making& making, KeptPredictors& kept, const Options& options,
                                              Workbench& bench) {
  PredictionStudy& study = making.study;
  const PhaseModel definition = definition_of(study.paper);
  std::vector<StudyKey> keys;
  std::vector<TrainingWish> wishes;
  for (const StudyKey& key : wanted_cells(study)) {
    const SubjectRows& rows = making.subjects[key.subject];
    if (std::optional<StudyCell> absent = absent_cell(rows, key, definition)) {
      study.cells[key] = std::move(*absent);
      continue;
    }
    TypeRows& of_type = making.data[{key.subject, key.type}];
    if (of_type.file.empty()) {
      const Dataset own = rows_of_type(rows.rows, key.type);
      of_type = {kept.keep(own), noise_floors(own, definition)};
    }
    wishes.push_back(wish_of(making, key, training_rows(rows.rows, key.type, key.phase, definition)));
    keys.push_back(key);
  }
  const std::vector<TrainingResult> results = kept.make(wishes, options.jobs);
  std::map<size_t, RecipePredictors> predictors;
  std::set<StudyKey> composed;  // of one set each: what it is trained on is the same
  for (size_t index = 0; index < keys.size() && !is_interrupted(); ++index) {
    const StudyKey& key = keys[index];
    StudyCell& cell = study.cells[key];
    if (results[index].predictor.empty()) {
      cell.reason = "not trained";
      cell.how = results[index].failure;
      continue;
    }
    Predictor predictor = open_predictor(results[index].predictor.string(), bench);
    cell = judged_cell(predictor, making.subjects[key.subject], key, definition,
                       making.data[{key.subject, key.type}].floors);
    if (!results[index].epochs.empty())
      study.epochs[{key.subject, key.recipe}] = read_epochs(results[index].epochs);
    const auto of_networks = network_recipes(study.paper);
    StudyKey of_any_set = key;
    of_any_set.set.clear();
    if (!study.subjects[key.subject].has_networks ||
        std::ranges::find(of_networks, key.recipe) == of_networks.end() ||
        !composed.insert(of_any_set).second)
      continue;
    RecipePredictors& own = predictors[key.subject];
    if (const auto found = own.find(key.recipe); found != own.end()) {
      std::ranges::move(predictor.parts, std::back_inserter(found->second.parts));
    } else {
      own.emplace(key.recipe, std::move(predictor));
    }
  }
  if (!is_interrupted()) add_other_types(making, predictors, kept, options, bench);
  study.trained = kept.trained();
  study.kept = kept.found();
  return predictors;
}

/// The same platform measured without optimisation.
const SubjectRows* unoptimised_of(const std::vector<SubjectRows>& subjects, const StudySubject& fast) {
  const auto found = std::ranges::find_if(subjects, [&](const SubjectRows& each) {
    return !each.subject.is_judged && each.subject.platform == fast.platform &&
           each.subject.accelerator == fast.accelerator && each.subject.threads == fast.threads;
  });
  return found == subjects.end() ? nullptr : &*found;
}

void fill_networks(Making& making, std::map<size_t, RecipePredictors>& predictors) {
  PredictionStudy& study = making.study;
  const PhaseModel definition = definition_of(study.paper);
  for (size_t subject = 0; subject < making.subjects.size(); ++subject) {
    const SubjectRows& rows = making.subjects[subject];
    if (!rows.subject.has_networks || !rows.subject.is_judged) continue;
    const RecipePredictors& by_recipe = predictors[subject];
    const CalibratedNetworks list = network_rows(subject, rows, unoptimised_of(making.subjects, rows.subject),
                                                 making.networks, by_recipe, definition);
    study.network_rows.insert(study.network_rows.end(), list.rows.begin(), list.rows.end());
    if (!list.composition.empty())
      study.compositions.push_back(fmt::format("{}: {}", rows.subject.name(), list.composition));
    const auto lenet = making.networks.find({"lenet5", 1});
    const auto perfnet = by_recipe.find("perfnet");
    if (study.paper != PredictionPaper::perfnetrt || lenet == making.networks.end() ||
        perfnet == by_recipe.end())
      continue;
    const auto steps = network_steps(subject, rows, lenet->second, perfnet->second, definition);
    study.steps.insert(study.steps.end(), steps.begin(), steps.end());
  }
}

int finish(const PredictionStudy& study, const Options& options) {
  const ReportDocument document = document_of(study);
  write_report(document, options.output);
  if (options.json) {
    Json tables = Json::object();
    for (const ReportDocument::Table& each : document.tables) tables[each.file] = table_json(each.table);
    print_json({{"paper", to_string(study.paper)},
                {"machine", study.machine},
                {"rows", study.rows},
                {"seed", study.seed},
                {"quick", study.quick},
                {"trained", study.trained},
                {"found", study.kept},
                {"tables", tables}});
  } else {
    fmt::print("{}", document.to_text());
  }
  return done;
}

int prediction_paper(const Options& options) {
  const auto begin = std::chrono::steady_clock::now();
  Workbench bench;
  KeptPredictors kept(options.kept);
  Making making;
  PredictionStudy& study = making.study;
  study.paper = options.paper;
  study.machine = bench.cpu.machine().cpu_model;
  study.rows = options.quick ? std::min(quick_rows, options.rows) : options.rows;
  study.seed = options.seed;
  study.quick = options.quick;
  study.networks = options.networks;
  if (study.networks.empty()) study.networks = {"lenet5"};
  if (options.networks.empty() && !options.quick) study.networks = {"lenet5", "alexnet_one_tower", "vgg16"};
  const std::vector<int64_t> batches =
      options.quick ? std::vector<int64_t>{1, 2} : std::vector<int64_t>{1, 2, 4, 8, 16, 32};
  making.networks = study_networks(study.networks, batches, bench, kept);
  making.subjects = study_subjects(options.sources, study.networks, keys_of(making.networks), options.seed);
  for (const SubjectRows& each : making.subjects) study.subjects.push_back(each.subject);
  std::map<size_t, RecipePredictors> predictors;
  if (!is_interrupted()) predictors = fill_cells(making, kept, options, bench);
  if (is_interrupted()) {
    fmt::print(stderr, "interrupted; what was trained is kept in {}, and the next call goes on from there\n",
               options.kept.string());
    return interrupted;
  }
  fill_networks(making, predictors);
  const int status = finish(study, options);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  fmt::print(stderr, "{:.0f} s; {} predictors trained, {} found in {}; written to {}\n", seconds,
             study.trained, study.kept, options.kept.string(), options.output.string());
  return status;
}

}  // namespace

void setup_prediction_paper(CLI::App& app, PredictionPaper paper,
                            const std::shared_ptr<std::function<int()>>& run) {
  const bool is_resperfnet = paper == PredictionPaper::resperfnet;
  auto options = std::make_shared<Options>();
  options->paper = paper;
  const std::string name(to_string(paper));
  options->output = name;
  CLI::App* sub = app.add_subcommand(
      name, is_resperfnet ? "Tables 1, 2 and 5 to 9, figures 2 to 7 of ResPerfNet on the platforms at hand"
                          : "Tables IV and V, figures 2 and 4 of PerfNetRT on the platforms at hand");
  sub->footer(example_text(
      fmt::format("raceline paper {} -o {} --published ../shared/data/tensorflow-1.10", name, name)));
  sub->add_option("-o,--output", options->output, "Folder for tables, figures and the page")
      ->type_name("DIR")
      ->capture_default_str();
  sub->add_option("--published", options->sources.published,
                  "Rows of Justus et al. as they published them: a folder, or files like conv_K80.csv.gz")
      ->type_name("DIR|FILE,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::ExistingPath);
  sub->add_option("--data", options->sources.data, "Datasets of platforms, layers and whole networks")
      ->type_name("DATA.csv,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::ExistingFile);
  sub->add_option(
         "--store", options->sources.store,
         "Store whose samples of platforms are taken too; none if there is --data and this is not given")
      ->type_name("DB")
      ->capture_default_str();
  sub->add_option("--kept", options->kept, "Folder where trained predictors are kept, and found again")
      ->type_name("DIR")
      ->capture_default_str();
  sub->add_option("--nets", options->networks,
                  "Networks of the zoo; by default lenet5, alexnet_one_tower, vgg16")
      ->type_name("LIST")
      ->delimiter(',');
  sub->add_option("--rows", options->rows, "At most so many rows to train on, of each type and phase")
      ->check(CLI::Range(int64_t{20}, int64_t{10'000'000}))
      ->capture_default_str();
  sub->add_option("--seed", options->seed, "Of the split, the draws and the fits")->capture_default_str();
  sub->add_option("--jobs", options->jobs, "Trainings side by side, a thread each")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  sub->add_flag("--quick", options->quick, "Few rows and epochs, LeNet alone: to try it out");
  sub->add_flag("--json", options->json, "One JSON document");
  sub->final_callback([=] {
    // The rows of a dataset are most often those of the store.
    if (sub->count("--data") > 0 && sub->count("--store") == 0) options->sources.store.clear();
    *run = [=] { return prediction_paper(*options); };
  });
}

}  // namespace raceline::cli
