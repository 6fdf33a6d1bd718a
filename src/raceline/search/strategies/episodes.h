// What strategies that learn from episodes do alike. Private to this room.
#pragma once
#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/search/strategies/curve.h"

namespace raceline {

/// Lets a learner walk the network again and again, exploring as explore(episode, episodes) says, and learn
/// from each way. The answer is the best way seen, and beside it where the learner goes when it explores no
/// more. Throws UnsupportedError when no way was found.
template <class Learner, class Explore>
SearchAnswer learn_episodes(Compact& compact, Learner& learner, int64_t wanted, const Explore& explore) {
  Best best;
  const int64_t episodes = std::max<int64_t>(wanted, 1);
  for (int64_t episode = 0; episode < episodes; ++episode) {
    if (!learner.walk(explore(episode, episodes))) continue;
    const double us = compact.total_us(learner.values());
    best.see(learner.values(), us, episode + 1, true);
    learner.learn(us);
  }
  if (best.us() == impossible) {
    throw UnsupportedError(fmt::format("no feasible choice found in {} episodes", episodes));
  }
  SearchAnswer answer = std::move(best).answer(compact, episodes);
  if (learner.walk(0)) {
    answer.learned_choice = compact.choices(learner.values());
    answer.learned_us = evaluate(compact.problem(), answer.learned_choice).cost_us;
  }
  return answer;
}

}  // namespace raceline
