#include "raceline/search/strategies/elimination.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <set>

namespace raceline {
namespace {

size_t at(int index) {
  return static_cast<size_t>(index);
}

}  // namespace

std::optional<Elimination> Elimination::run(FactorModel model, EliminationOrder order, double most_cells,
                                            const std::function<bool()>& stop) {
  Elimination result;
  result.sizes_ = std::move(model.sizes);
  result.order_ = std::move(order.variables);
  result.place_.resize(result.order_.size());
  for (size_t place = 0; place < result.order_.size(); ++place)
    result.place_[at(result.order_[place])] = place;
  result.buckets_.resize(result.order_.size());
  for (Factor& factor : model.factors) result.add(std::move(factor));
  model.factors.clear();
  for (size_t place = 0; place < result.order_.size(); ++place) {
    if (!result.eliminate(place, most_cells, stop)) return std::nullopt;
  }
  return result;
}

/// Puts the factor into the bucket of that variable of its scope which is eliminated first.
size_t Elimination::add(Factor factor) {
  Table table{std::move(factor.scope), {}, std::move(factor.table)};
  table.strides.resize(table.scope.size());
  size_t stride = 1;
  size_t first = order_.size();
  for (size_t index = table.scope.size(); index-- > 0;) {
    table.strides[index] = stride;
    stride *= at(sizes_[at(table.scope[index])]);
    first = std::min(first, place_[at(table.scope[index])]);
  }
  assert(stride == table.entries.size());
  if (table.scope.empty()) {
    bound_ += table.entries[0];
  } else {
    buckets_[first].tables.push_back(tables_.size());
  }
  tables_.push_back(std::move(table));
  return tables_.size() - 1;
}

/// The bucket's tables in groups that are joined; one group when the table over all fits.
std::vector<std::vector<size_t>> Elimination::split(size_t place, double most_cells) const {
  std::vector<size_t> tables = buckets_[place].tables;
  std::ranges::stable_sort(tables, std::greater<>(),
                           [&](size_t table) { return tables_[table].scope.size(); });
  struct Group {
    std::set<int> scope;
    std::vector<size_t> tables;
  };
  std::vector<Group> groups;
  for (const size_t table : tables) {
    bool placed = false;
    for (Group& group : groups) {
      std::set<int> both = group.scope;
      both.insert(tables_[table].scope.begin(), tables_[table].scope.end());
      double cells = 1;
      for (const int variable : both) {
        if (variable != order_[place]) cells *= sizes_[at(variable)];
      }
      if (both.size() > group.scope.size() && cells > most_cells) continue;
      group.scope = std::move(both);
      group.tables.push_back(table);
      placed = true;
      break;
    }
    if (!placed) {
      groups.push_back({{tables_[table].scope.begin(), tables_[table].scope.end()}, {table}});
    }
  }
  std::vector<std::vector<size_t>> split;
  for (Group& group : groups) split.push_back(std::move(group.tables));
  return split;
}

bool Elimination::eliminate(size_t place, double most_cells, const std::function<bool()>& stop) {
  const auto groups = split(place, most_cells);
  exact_ = exact_ && groups.size() <= 1;
  for (const auto& group : groups) {
    std::optional<Factor> sent = message(order_[place], group, stop);
    if (!sent) return false;
    buckets_[place].messages.push_back(add(std::move(*sent)));
  }
  return true;
}

/// Joins the tables and minimises over the variable. Walks through the joined scope like an odometer, each
/// table's position following by its strides.
std::optional<Factor> Elimination::message(int variable, std::span<const size_t> tables,
                                           const std::function<bool()>& stop) {
  std::set<int> joined;
  for (const size_t table : tables) joined.insert(tables_[table].scope.begin(), tables_[table].scope.end());
  joined.erase(variable);
  Factor sent{{joined.begin(), joined.end()}, {}};
  const size_t digits = sent.scope.size();
  size_t cells = 1;
  for (const int other : sent.scope) cells *= at(sizes_[at(other)]);
  struct Walk {
    const double* entry;
    size_t stride = 0;            // of the variable
    std::vector<size_t> strides;  // of the joined scope's digits
  };
  std::vector<Walk> walks;
  for (const size_t index : tables) {
    const Table& table = tables_[index];
    Walk walk{table.entries.data(), 0, std::vector<size_t>(digits)};
    for (size_t scope = 0; scope < table.scope.size(); ++scope) {
      if (table.scope[scope] == variable) {
        walk.stride = table.strides[scope];
      } else {
        const auto digit = std::ranges::lower_bound(sent.scope, table.scope[scope]) - sent.scope.begin();
        walk.strides[static_cast<size_t>(digit)] = table.strides[scope];
      }
    }
    walks.push_back(std::move(walk));
  }
  const size_t values = at(sizes_[at(variable)]);
  std::vector<double> sums(values);
  std::vector<size_t> digit(digits);
  sent.table.reserve(cells);
  for (size_t cell = 0; cell < cells; ++cell) {
    if ((cell & 0xFFFF) == 0xFFFF && stop()) return std::nullopt;
    std::ranges::fill(sums, 0.0);
    for (const Walk& walk : walks) {
      for (size_t value = 0; value < values; ++value) sums[value] += walk.entry[value * walk.stride];
    }
    sent.table.push_back(*std::ranges::min_element(sums));
    for (size_t index = digits; index-- > 0;) {
      const size_t size = at(sizes_[at(sent.scope[index])]);
      if (++digit[index] < size) {
        for (Walk& walk : walks) walk.entry += walk.strides[index];
        break;
      }
      digit[index] = 0;
      for (Walk& walk : walks) walk.entry -= walk.strides[index] * (size - 1);
    }
  }
  entries_ += static_cast<int64_t>(cells * values);
  return sent;
}

double Elimination::look_up(const Table& table, std::span<const int> assigned) const {
  size_t position = 0;
  for (size_t index = 0; index < table.scope.size(); ++index) {
    position += at(assigned[at(table.scope[index])]) * table.strides[index];
  }
  return table.entries[position];
}

void Elimination::bucket_sums(size_t place, std::span<const int> assigned, std::vector<double>& sums) const {
  const int variable = order_[place];
  sums.assign(at(sizes_[at(variable)]), 0);
  for (const size_t index : buckets_[place].tables) {
    const Table& table = tables_[index];
    size_t position = 0, stride = 0;
    for (size_t scope = 0; scope < table.scope.size(); ++scope) {
      if (table.scope[scope] == variable) {
        stride = table.strides[scope];
      } else {
        position += at(assigned[at(table.scope[scope])]) * table.strides[scope];
      }
    }
    for (size_t value = 0; value < sums.size(); ++value)
      sums[value] += table.entries[position + value * stride];
  }
}

double Elimination::claimed(size_t place, std::span<const int> assigned) const {
  double sum = 0;
  for (const size_t index : buckets_[place].messages) sum += look_up(tables_[index], assigned);
  return sum;
}

std::vector<int> Elimination::read_off() const {
  std::vector<int> assigned(sizes_.size());
  std::vector<double> sums;
  for (size_t place = order_.size(); place-- > 0;) {
    bucket_sums(place, assigned, sums);
    assigned[at(order_[place])] = static_cast<int>(std::ranges::min_element(sums) - sums.begin());
  }
  return assigned;
}

}  // namespace raceline
