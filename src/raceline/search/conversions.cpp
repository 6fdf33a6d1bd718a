// Two exact methods, each exponential in one number only: Dreyfus and Wagner's dynamic programme over sets of
// terminals, and a programme over sets of hubs (interfaces from which something can be made). Tensors have
// few of one or the other.
#include "raceline/search/conversions.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <functional>
#include <queue>
#include <utility>

namespace raceline {
namespace {

using Entry = std::pair<double, int>;
using NearestFirst = std::priority_queue<Entry, std::vector<Entry>, std::greater<>>;

size_t at(int index) {
  return static_cast<size_t>(index);
}

}  // namespace

double steiner_work(int terminals, int hubs, int vertices, size_t edges) {
  const double by_terminals = terminals > ConversionGraph::most_terminals
                                  ? impossible
                                  : std::pow(3.0, terminals) * vertices +
                                        std::pow(2.0, terminals) * static_cast<double>(edges + at(vertices));
  const double by_hubs = hubs > ConversionGraph::most_hubs
                             ? impossible
                             : std::pow(2.0, hubs) * static_cast<double>(hubs + vertices);
  return std::min(by_terminals, by_hubs);
}

ConversionGraph::ConversionGraph(std::span<const Conversion> conversions, std::span<const int> also)
    : interfaces_(also.begin(), also.end()) {
  for (const Conversion& conversion : conversions) {
    interfaces_.push_back(conversion.from);
    interfaces_.push_back(conversion.to);
  }
  std::ranges::sort(interfaces_);
  interfaces_.erase(std::unique(interfaces_.begin(), interfaces_.end()), interfaces_.end());
  out_.resize(interfaces_.size());
  in_.resize(interfaces_.size());
  for (const Conversion& conversion : conversions) {
    if (conversion.from == conversion.to || !std::isfinite(conversion.cost_us)) continue;
    out_[at(vertex(conversion.from))].push_back({vertex(conversion.to), conversion.cost_us});
  }
  for (int from = 0; from < size(); ++from) {
    auto& edges = out_[at(from)];
    // Of conversions given twice the cheapest counts.
    std::ranges::sort(edges, {}, [](const Edge& edge) { return std::pair(edge.vertex, edge.cost_us); });
    edges.erase(std::unique(edges.begin(), edges.end(),
                            [](const Edge& a, const Edge& b) { return a.vertex == b.vertex; }),
                edges.end());
    for (const Edge& edge : edges) in_[at(edge.vertex)].push_back({from, edge.cost_us});
    edges_ += edges.size();
  }
}

int ConversionGraph::vertex(int interface) const {
  const auto found = std::ranges::lower_bound(interfaces_, interface);
  return found == interfaces_.end() || *found != interface ? -1
                                                           : static_cast<int>(found - interfaces_.begin());
}

double ConversionGraph::edge(int from, int to) const {
  const auto& edges = out_[at(from)];
  const auto found = std::ranges::lower_bound(edges, to, {}, &Edge::vertex);
  return found == edges.end() || found->vertex != to ? impossible : found->cost_us;
}

std::vector<char> ConversionGraph::reachable(int from) const {
  std::vector<char> seen(interfaces_.size());
  std::vector<int> stack{from};
  seen[at(from)] = 1;
  while (!stack.empty()) {
    const int vertex = stack.back();
    stack.pop_back();
    for (const Edge& edge : out_[at(vertex)]) {
      if (seen[at(edge.vertex)] == 0) {
        seen[at(edge.vertex)] = 1;
        stack.push_back(edge.vertex);
      }
    }
  }
  return seen;
}

std::vector<double> ConversionGraph::steiner(std::span<const int> terminals, std::vector<Step>* steps) const {
  assert(terminals.size() <= at(most_terminals));
  const size_t count = interfaces_.size();
  const size_t sets = size_t{1} << terminals.size();
  std::vector<double> costs(sets * count, impossible);
  if (steps != nullptr) steps->assign(sets * count, {});
  for (size_t v = 0; v < count; ++v) costs[v] = 0;
  for (size_t set = 1; set < sets; ++set) {
    double* cost = &costs[set * count];
    Step* step = steps == nullptr ? nullptr : &(*steps)[set * count];
    if (std::has_single_bit(set)) {
      cost[at(terminals[at(std::countr_zero(set))])] = 0;
    } else {
      // Each way to serve a part apart from the rest; the part holds the lowest terminal, to see each once.
      const size_t lowest = set & (~set + 1);
      for (size_t part = (set - 1) & set; part != 0; part = (part - 1) & set) {
        if ((part & lowest) == 0) continue;
        const double* a = &costs[part * count];
        const double* b = &costs[(set ^ part) * count];
        for (size_t v = 0; v < count; ++v) {
          if (a[v] + b[v] < cost[v]) {
            cost[v] = a[v] + b[v];
            if (step != nullptr) step[v] = {static_cast<int>(part), -1};
          }
        }
      }
    }
    NearestFirst queue;
    for (size_t v = 0; v < count; ++v) {
      if (cost[v] < impossible) queue.emplace(cost[v], static_cast<int>(v));
    }
    while (!queue.empty()) {
      const auto [known, to] = queue.top();
      queue.pop();
      if (known > cost[at(to)]) continue;
      for (const Edge& edge : in_[at(to)]) {
        if (known + edge.cost_us < cost[at(edge.vertex)]) {
          cost[at(edge.vertex)] = known + edge.cost_us;
          if (step != nullptr) step[at(edge.vertex)] = {0, to};
          queue.emplace(cost[at(edge.vertex)], edge.vertex);
        }
      }
    }
  }
  return costs;
}

std::vector<double> ConversionGraph::steiner_costs(std::span<const int> terminals) const {
  return steiner(terminals, nullptr);
}

std::vector<Conversion> ConversionGraph::by_terminals(int from, std::span<const int> terminals) const {
  std::vector<Step> steps;
  const std::vector<double> costs = steiner(terminals, &steps);
  std::vector<Conversion> made;
  const size_t all = (size_t{1} << terminals.size()) - 1;
  if (costs[all * interfaces_.size() + at(from)] == impossible) return made;
  std::vector<std::pair<size_t, int>> open{{all, from}};
  while (!open.empty()) {
    const auto [set, vertex] = open.back();
    open.pop_back();
    const Step step = steps[set * interfaces_.size() + at(vertex)];
    if (step.next >= 0) {
      made.push_back({vertex, step.next, edge(vertex, step.next)});
      open.emplace_back(set, step.next);
    } else if (step.split != 0) {
      open.emplace_back(at(step.split), vertex);
      open.emplace_back(set ^ at(step.split), vertex);
    }
  }
  return made;
}

std::vector<Conversion> ConversionGraph::by_hubs(int from, std::span<const int> terminals) const {
  std::vector<int> hubs;
  const std::vector<char> useful = reachable(from);
  for (int v = 0; v < size(); ++v) {
    if (useful[at(v)] != 0 && is_hub(v)) hubs.push_back(v);
  }
  const auto own = std::ranges::find(hubs, from);
  if (own == hubs.end()) return {};
  const int count = static_cast<int>(hubs.size());
  assert(count <= most_hubs);
  // cost[S]: the cheapest way to make exactly the hubs in S, one after the other, beginning with `from`.
  const size_t sets = size_t{1} << hubs.size();
  std::vector<double> cost(sets, impossible);
  std::vector<std::pair<signed char, signed char>> last(sets, {-1, -1});  // made last: hub, from hub
  const auto nearest = [&](size_t set, int to) {
    std::pair<double, int> best{impossible, -1};
    for (size_t rest = set; rest != 0; rest &= rest - 1) {
      const int hub = std::countr_zero(rest);
      const double one = edge(hubs[at(hub)], to);
      if (one < best.first) best = {one, hub};
    }
    return best;
  };
  const size_t start = size_t{1} << (own - hubs.begin());
  cost[start] = 0;
  for (size_t set = start; set < sets; ++set) {
    if (cost[set] == impossible) continue;
    for (int hub = 0; hub < count; ++hub) {
      const size_t more = set | (size_t{1} << hub);
      if (more == set) continue;
      const auto [one, source] = nearest(set, hubs[at(hub)]);
      if (cost[set] + one < cost[more]) {
        cost[more] = cost[set] + one;
        last[more] = {static_cast<signed char>(hub), static_cast<signed char>(source)};
      }
    }
  }
  size_t wanted_hubs = 0;
  std::vector<int> leaves;
  for (const int terminal : terminals) {
    const auto hub = std::ranges::find(hubs, terminal);
    if (hub == hubs.end()) {
      leaves.push_back(terminal);
    } else {
      wanted_hubs |= size_t{1} << (hub - hubs.begin());
    }
  }
  double best = impossible;
  size_t best_set = 0;
  for (size_t set = 0; set < sets; ++set) {
    if (cost[set] >= best || (set & wanted_hubs) != wanted_hubs) continue;
    double sum = cost[set];
    for (const int leaf : leaves) sum += nearest(set, leaf).first;
    if (sum < best) {
      best = sum;
      best_set = set;
    }
  }
  std::vector<Conversion> made;
  if (best == impossible) return made;
  for (const int leaf : leaves) {
    const auto [one, source] = nearest(best_set, leaf);
    made.push_back({hubs[at(source)], leaf, one});
  }
  for (size_t set = best_set; set != start;) {
    const int to = hubs[at(last[set].first)];
    const int source = hubs[at(last[set].second)];
    made.push_back({source, to, edge(source, to)});
    set ^= size_t{1} << last[set].first;
  }
  return made;
}

/// From edges between vertices to conversions between interfaces, in an order in which they can be made.
/// Edges of cost 0 may reach a vertex twice or serve nobody: those are left out.
TensorCost ConversionGraph::ordered(int from, std::span<const int> wanted,
                                    std::vector<Conversion> edges) const {
  std::ranges::sort(edges, {}, [](const Conversion& edge) { return std::pair(edge.from, edge.to); });
  std::vector<int> parent(interfaces_.size(), -1);
  std::vector<int> order{from};
  parent[at(from)] = from;
  for (size_t next = 0; next < order.size(); ++next) {
    for (const Conversion& edge : edges) {
      if (edge.from == order[next] && parent[at(edge.to)] < 0) {
        parent[at(edge.to)] = edge.from;
        order.push_back(edge.to);
      }
    }
  }
  TensorCost answer;
  std::vector<char> used(interfaces_.size());
  for (const int terminal : wanted) {
    if (parent[at(terminal)] < 0) return {impossible, {}};
    for (int v = terminal; used[at(v)] == 0; v = parent[at(v)]) used[at(v)] = 1;
  }
  for (const int v : order) {
    if (v == from || used[at(v)] == 0) continue;
    const double cost = edge(parent[at(v)], v);
    answer.conversions.push_back({interface(parent[at(v)]), interface(v), cost});
    answer.cost_us += cost;
  }
  return answer;
}

TensorCost ConversionGraph::cheapest(int from, std::span<const int> wanted) const {
  std::vector<int> terminals(wanted.begin(), wanted.end());
  std::ranges::sort(terminals);
  terminals.erase(std::unique(terminals.begin(), terminals.end()), terminals.end());
  std::erase(terminals, from);
  if (terminals.empty()) return {};
  const std::vector<char> useful = reachable(from);
  int hubs = 0;
  for (int v = 0; v < size(); ++v) hubs += useful[at(v)] != 0 && is_hub(v) ? 1 : 0;
  for (const int terminal : terminals) {
    if (useful[at(terminal)] == 0) return {impossible, {}};
  }
  const int count = static_cast<int>(terminals.size());
  const bool few_terminals = steiner_work(count, most_hubs + 1, size(), edges_) <=
                             steiner_work(most_terminals + 1, hubs, size(), edges_);
  return ordered(from, terminals, few_terminals ? by_terminals(from, terminals) : by_hubs(from, terminals));
}

TensorCost cheapest_conversions(const ProblemTensor& tensor, int from, std::span<const int> wanted) {
  std::vector<int> also(wanted.begin(), wanted.end());
  also.push_back(from);
  const ConversionGraph graph(tensor.conversions, also);
  std::vector<int> terminals;
  for (const int interface : wanted) terminals.push_back(graph.vertex(interface));
  return graph.cheapest(graph.vertex(from), terminals);
}

}  // namespace raceline
