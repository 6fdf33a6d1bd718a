// Q-learning that knows what a selection problem is. What differs from QS-DNN (q_learning.cpp):
//  - State: for each tensor that later layers want, the interface it has and those it was wanted in so far.
//    That is all the future depends on, also where branches are open; and choices that give the same
//    interface lead to the same state, so that what is learned of one is known of the others.
//  - Where such a state is new, a coarse one decides that knows only the tensors of the layer at hand.
//  - Costs are certain and the state is complete, so steps are whole and nothing is discounted: Q of a state
//    and action is the best that was ever seen to follow.
//  - Exploration: a tenth of the episodes choose freely, half of the choices at random, half the cheapest at
//    once; then a few layers of each episode deviate, ever fewer. The last twentieth is greedy.
#include <algorithm>
#include <deque>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/random.h"
#include "raceline/search/strategies/assigner.h"
#include "raceline/search/strategies/episodes.h"
#include "raceline/search/strategies/stopwatch.h"
#include "raceline/search/strategies/strategies.h"
#include "raceline/search/strategies/walk.h"

namespace raceline {
namespace {

/// Of an action that was never tried in a state: every target is above it.
constexpr double untried = -std::numeric_limits<double>::infinity();

constexpr size_t replayed = 128;        // episodes, after each episode, as in QS-DNN
constexpr double cheapest_share = 0.5;  // of explored choices: the cheapest at once
constexpr double most_deviations = 3;   // of an episode, after the free ones
constexpr double least_deviations = 1;  // before the greedy ones
constexpr double coarse_rise = 0.2;     // step sizes of the coarse states, which mix what differs: they
constexpr double coarse_fall = 0.06;    // follow good news faster

/// What one episode may remember. DenseNet-121 has some thousands.
constexpr size_t most_open = 300'000;

size_t at(int index) {
  return static_cast<size_t>(index);
}

class Learner {
 public:
  Learner(Compact& compact, uint64_t seed)
      : compact_(compact),
        assigner_(compact),
        walk_(compact, false),
        random_(seed),
        values_(at(compact.layers())),
        place_of_(values_.size()),
        fine_(values_.size()),
        coarse_(values_.size()),
        episode_(values_.size()) {
    if (walk_.open_tensors() > most_open) {
      throw UnsupportedError(
          fmt::format("q-learning+: its states would describe {} open tensors, more than {}, in each episode",
                      walk_.open_tensors(), most_open));
    }
    for (size_t place = 0; place < values_.size(); ++place) place_of_[at(compact.order()[place])] = place;
  }

  /// One way through the network, on which so many layers explore, in the mean; false when none was found.
  bool walk(double deviations) {
    explore_ = deviations / static_cast<double>(std::max<size_t>(values_.size(), 1));
    const auto found = assigner_.assign(
        [&](int layer, std::span<const int> left) { return pick(place_of_[at(layer)], left); });
    if (!found) return false;
    values_ = *found;
    return true;
  }
  const std::vector<int>& values() const { return values_; }

  /// Learns from the steps of the last way and, by replay, of those before.
  void learn(double /*whole_us*/) {
    for (size_t place = 0; place < values_.size(); ++place) {
      episode_[place].reward = -walk_.step_us(place, values_);
    }
    episodes_.push_back(episode_);
    if (episodes_.size() > replayed) episodes_.pop_front();
    for (const std::vector<Step>& episode : episodes_) {
      for (size_t place = episode.size(); place-- > 0;) {
        update(episode[place], place + 1 < episode.size() ? episode[place + 1].fine->most : 0);
      }
    }
  }

 private:
  struct State {
    std::vector<double> q;  // by value
    double most = untried;
  };
  using States = std::map<std::vector<int>, State>;
  struct Step {
    State* fine = nullptr;
    State* coarse = nullptr;
    int value = 0;
    double reward = 0;
  };

  int pick(size_t place, std::span<const int> left) {
    const int layer = compact_.order()[place];
    Step& step = episode_[place];
    key_.clear();
    walk_.append_open(place, values_, key_);
    step.fine = state(fine_[place], layer);
    key_.clear();
    walk_.append_inputs(place, values_, key_);
    step.coarse = state(coarse_[place], layer);
    int best = -1;
    if (random_.uniform() >= explore_) {
      best = best_of(*step.fine, left);
      if (best < 0) best = best_of(*step.coarse, left);
    } else if (random_.uniform() < cheapest_share) {
      best = cheapest(place, left);
    }
    if (best < 0) best = left[static_cast<size_t>(random_.below(static_cast<int64_t>(left.size())))];
    step.value = best;
    values_[at(layer)] = best;
    return best;
  }

  /// With the conversions that the choice needs at once.
  int cheapest(size_t place, std::span<const int> left) {
    int& value = values_[at(compact_.order()[place])];
    int best = -1;
    double least_us = 0;
    for (const int candidate : left) {
      value = candidate;
      const double us = walk_.step_us(place, values_);
      if (best >= 0 && us >= least_us) continue;
      best = candidate;
      least_us = us;
    }
    return best;
  }

  /// -1 where none was tried.
  static int best_of(const State& state, std::span<const int> left) {
    int best = -1;
    for (const int value : left) {
      if (state.q[at(value)] > (best < 0 ? untried : state.q[at(best)])) best = value;
    }
    return best;
  }

  /// The state that key_ describes.
  State* state(States& states, int layer) const {
    State& state = states[key_];
    if (state.q.empty()) state.q.assign(compact_.domain(layer).size(), untried);
    return &state;
  }

  static void update(const Step& step, double future) {
    const double target = step.reward + future;
    double& q = step.fine->q[at(step.value)];
    q = std::max(q, target);
    step.fine->most = std::max(step.fine->most, q);
    double& coarse = step.coarse->q[at(step.value)];
    const double difference = target - coarse;
    coarse = coarse == untried ? target : coarse + (difference > 0 ? coarse_rise : coarse_fall) * difference;
  }

  Compact& compact_;
  Assigner assigner_;
  Walk walk_;
  Random random_;
  std::vector<int> values_;  // by layer
  std::vector<size_t> place_of_;
  std::vector<States> fine_, coarse_;  // by place
  std::vector<Step> episode_;
  std::deque<std::vector<Step>> episodes_;
  std::vector<int> key_;  // scratch
  double explore_ = 1;    // chance of a layer
};

/// How many layers explore, in the mean.
double deviations(int64_t episode, int64_t episodes, int layers) {
  const double progress = static_cast<double>(episode) / static_cast<double>(episodes);
  if (progress < 0.1) return layers;
  if (progress >= 0.95) return 0;
  return most_deviations + (least_deviations - most_deviations) * progress;
}

class QLearningPlus final : public SearchStrategy {
 public:
  SearchAnswer search(const SelectionProblem& problem, const SearchOptions& options) const override {
    const Stopwatch watch;
    Compact compact(problem, options.unpruned ? Keep::all : Keep::worthwhile);
    Learner learner(compact, options.seed);
    SearchAnswer answer = learn_episodes(
        compact, learner, options.episodes,
        [&](int64_t episode, int64_t episodes) { return deviations(episode, episodes, compact.layers()); });
    answer.seconds = watch.seconds();
    return answer;
  }
};

}  // namespace

std::unique_ptr<SearchStrategy> make_q_learning_plus() {
  return std::make_unique<QLearningPlus>();
}

}  // namespace raceline
