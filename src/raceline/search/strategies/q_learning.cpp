// Q-learning as in QS-DNN (de Prado, Pazos, Benini: "Learning to infer", DATE 2019), which docs/search.md
// compares with the paper. An episode chooses layer after layer; the state is the layer and the choice of the
// layer before it (the paper's table I, the interfaces being part of the choice), the action the choice of
// the layer. Everything is additions, products and comparisons of doubles: the same on every machine.
#include <algorithm>
#include <deque>
#include <limits>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/random.h"
#include "raceline/search/strategies/assigner.h"
#include "raceline/search/strategies/episodes.h"
#include "raceline/search/strategies/schedule.h"
#include "raceline/search/strategies/stopwatch.h"
#include "raceline/search/strategies/strategies.h"
#include "raceline/search/strategies/walk.h"

namespace raceline {
namespace {

/// Of a state and action that was never tried: no target is below it, and no greedy choice takes it.
constexpr double untried = -std::numeric_limits<double>::infinity();

/// Of Q: 400 MB. Real networks have some thousands.
constexpr size_t most_entries = 50'000'000;

size_t at(int index) {
  return static_cast<size_t>(index);
}

class Learner {
 public:
  Learner(Compact& compact, const QLearningOptions& options, uint64_t seed)
      : compact_(compact),
        options_(options),
        assigner_(compact),
        walk_(compact, options.per_edge),
        random_(seed),
        values_(at(compact.layers())),
        states_(values_.size()),
        place_of_(values_.size()),
        episode_(values_.size()) {
    size_t before = 1, entries = 0;
    for (size_t place = 0; place < states_.size(); ++place) {
      const int layer = compact.order()[place];
      const size_t values = compact.domain(layer).size();
      place_of_[at(layer)] = place;
      entries += before * values;
      if (entries > most_entries) {
        throw UnsupportedError(
            fmt::format("q-learning: its table would have more than {} entries (a choice, times those of the "
                        "layer before)",
                        most_entries));
      }
      states_[place].resize(before);
      for (State& state : states_[place]) state.q.assign(values, options.zero_start ? 0.0 : untried);
      before = values;
    }
  }

  /// One way through the network; false when none was found.
  bool walk(double epsilon) {
    const auto found = assigner_.assign(
        [&](int layer, std::span<const int> left) { return pick(place_of_[at(layer)], left, epsilon); });
    if (!found) return false;
    values_ = *found;
    return true;
  }
  const std::vector<int>& values() const { return values_; }

  /// Learns from the last way and, by replay, from those before.
  void learn(double total_us) {
    for (size_t place = 0; place < states_.size(); ++place) {
      Step& step = episode_[place];
      step.reward = options_.whole_reward ? 0 : -walk_.step_us(place, values_);
    }
    if (options_.whole_reward && !episode_.empty()) episode_.back().reward = -total_us;
    if (options_.replay == QLearningOptions::Replay::episodes) {
      episodes_.push_back(episode_);
      if (static_cast<int64_t>(episodes_.size()) > std::max<int64_t>(options_.buffer, 1)) {
        episodes_.pop_front();
      }
      for (const std::vector<Step>& episode : episodes_) update(episode);
      return;
    }
    update(episode_);
    for (const Step& step : episode_) transitions_.push_back(step);
    while (static_cast<int64_t>(transitions_.size()) > options_.buffer) transitions_.pop_front();
    for (size_t i = 0; i < transitions_.size(); ++i) {
      update(transitions_[static_cast<size_t>(random_.below(static_cast<int64_t>(transitions_.size())))]);
    }
  }

 private:
  /// The actions that fit in a state, with the largest Q among them kept up to date: replay asks for it far
  /// more often than it changes.
  struct View {
    std::vector<int> allowed;
    double most = untried;
  };
  /// A state: the layer at a place, and the value of the layer before it.
  struct State {
    std::vector<double> q;   // by value
    std::deque<View> views;  // few: the actions depend on far choices only through private interfaces
  };
  /// One transition.
  struct Step {
    State* state = nullptr;
    int value = 0;
    const View* next = nullptr;  // nullptr: the episode ends
    double reward = 0;
  };

  int pick(size_t place, std::span<const int> left, double epsilon) {
    const int before = place == 0 ? 0 : values_[at(compact_.order()[place - 1])];
    State& state = states_[place][at(before)];
    const std::vector<double>& q = state.q;
    int best = -1;
    if (random_.uniform() >= epsilon) {
      for (const int value : left) {
        if (q[at(value)] > (best < 0 ? untried : q[at(best)])) best = value;
      }
    }
    if (best < 0) best = left[static_cast<size_t>(random_.below(static_cast<int64_t>(left.size())))];
    episode_[place] = {&state, best};
    if (place > 0) episode_[place - 1].next = view(state, left);
    values_[at(compact_.order()[place])] = best;
    return best;
  }

  static const View* view(State& state, std::span<const int> left) {
    for (const View& known : state.views) {
      if (std::ranges::equal(known.allowed, left)) return &known;
    }
    View& added = state.views.emplace_back(View{{left.begin(), left.end()}});
    for (const int value : left) added.most = std::max(added.most, state.q[at(value)]);
    return &added;
  }

  void update(const Step& step) {
    const double target = step.reward + (step.next == nullptr ? 0 : options_.discount * step.next->most);
    double& q = step.state->q[at(step.value)];
    const double old = q;
    q = old == untried ? target : old + options_.step_size * (target - old);
    for (View& view : step.state->views) {
      if (q < view.most && old < view.most) continue;
      view.most = untried;
      for (const int value : view.allowed) view.most = std::max(view.most, step.state->q[at(value)]);
    }
  }

  void update(const std::vector<Step>& episode) {
    for (size_t place = episode.size(); place-- > 0;) update(episode[place]);
  }

  Compact& compact_;
  const QLearningOptions& options_;
  Assigner assigner_;
  Walk walk_;
  Random random_;
  std::vector<int> values_;                 // by layer
  std::vector<std::vector<State>> states_;  // by place and value before
  std::vector<size_t> place_of_;
  std::vector<Step> episode_;
  std::deque<std::vector<Step>> episodes_;
  std::deque<Step> transitions_;
};

class QLearning final : public SearchStrategy {
 public:
  SearchAnswer search(const SelectionProblem& problem, const SearchOptions& options) const override {
    const Stopwatch watch;
    Compact compact(problem, options.unpruned ? Keep::all : Keep::worthwhile);
    Learner learner(compact, options.q, options.seed);
    SearchAnswer answer = learn_episodes(compact, learner, options.episodes, qs_dnn_epsilon);
    answer.seconds = watch.seconds();
    return answer;
  }
};

}  // namespace

std::unique_ptr<SearchStrategy> make_q_learning() {
  return std::make_unique<QLearning>();
}

}  // namespace raceline
