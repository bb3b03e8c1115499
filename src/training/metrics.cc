#include "training/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <utility>

namespace millrace::training {
namespace {

Status CheckRows(std::span<const double> scores, std::span<const uint8_t> labels) {
  if (scores.size() != labels.size()) {
    return InvalidArgument("there are {} scores for {} labels", scores.size(), labels.size());
  }
  if (scores.empty()) return InvalidArgument("there are no rows to judge");
  for (size_t i = 0; i < scores.size(); ++i) {
    if (std::isnan(scores[i])) return InvalidArgument("the score of row {} is NaN", i);
    if (labels[i] > 1)
      return InvalidArgument("the label of row {} is {}; it must be 0 or 1", i, int{labels[i]});
  }
  return Ok();
}

Status CheckProbabilities(std::span<const double> scores) {
  for (size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] < 0 || scores[i] > 1) {
      return InvalidArgument("the score of row {} is {}; a probability must be within 0 and 1", i, scores[i]);
    }
  }
  return Ok();
}

// Rows that share a score, from the highest score to the lowest.
struct Tie {
  double score;
  int64_t rows;
  int64_t positives;
};

std::vector<Tie> Ties(std::span<const double> scores, std::span<const uint8_t> labels) {
  std::vector<std::pair<double, uint8_t>> rows;
  rows.reserve(scores.size());
  for (size_t i = 0; i < scores.size(); ++i) rows.emplace_back(scores[i], labels[i]);
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Tie> ties;
  for (const auto& [score, label] : rows) {
    if (ties.empty() || ties.back().score != score) ties.push_back({score, 0, 0});
    ++ties.back().rows;
    ties.back().positives += label;
  }
  return ties;
}

int64_t Positives(std::span<const uint8_t> labels) {
  return std::accumulate(labels.begin(), labels.end(), int64_t{0});
}

Status RequirePositives(std::span<const uint8_t> labels) {
  if (Positives(labels) > 0) return Ok();
  return InvalidArgument("all {} rows are negative: without a positive the metric is undefined",
                         labels.size());
}

// The expected number of positives among the k highest scores: a tie that
// reaches beyond k counts in proportion.
double PositivesInTop(std::span<const double> scores, std::span<const uint8_t> labels, int64_t k) {
  double found = 0;
  int64_t left = k;
  for (const Tie& tie : Ties(scores, labels)) {
    if (left <= 0) break;
    const int64_t taken = std::min(left, tie.rows);
    found += static_cast<double>(taken) * static_cast<double>(tie.positives) / static_cast<double>(tie.rows);
    left -= taken;
  }
  return found;
}

Status CheckK(int64_t k) { return k > 0 ? Ok() : InvalidArgument("k is {}; it must be at least 1", k); }

// Floor division: periods before the origin have negative numbers.
int64_t PeriodOf(int64_t time, EventTime origin, Micros every) {
  const int64_t offset = time - origin.micros;
  const int64_t quotient = offset / every.count();
  return offset % every.count() < 0 ? quotient - 1 : quotient;
}

struct Suspect {
  int64_t entity;
  double score;
  uint8_t label;
};

// One entry an entity: its highest score and label. `rows` are sorted by entity.
std::vector<Suspect> HighestOfEach(std::vector<Suspect> rows) {
  std::sort(rows.begin(), rows.end(), [](const Suspect& a, const Suspect& b) { return a.entity < b.entity; });
  std::vector<Suspect> suspects;
  for (const Suspect& row : rows) {
    if (suspects.empty() || suspects.back().entity != row.entity) {
      suspects.push_back(row);
      continue;
    }
    suspects.back().score = std::max(suspects.back().score, row.score);
    suspects.back().label = std::max(suspects.back().label, row.label);
  }
  return suspects;
}

}  // namespace

Result<double> AucRoc(std::span<const double> scores, std::span<const uint8_t> labels) {
  MR_RETURN_IF_ERROR(CheckRows(scores, labels));
  const auto positives = static_cast<uint64_t>(Positives(labels));
  const uint64_t negatives = labels.size() - positives;
  if (positives == 0 || negatives == 0) {
    return InvalidArgument("all {} rows are {}: with one class the metric is undefined", labels.size(),
                           positives == 0 ? "negative" : "positive");
  }
  // Twice the Mann-Whitney U, in integers: exact for up to 2^31 rows.
  uint64_t wins = 0;
  uint64_t negatives_below = negatives;
  for (const Tie& tie : Ties(scores, labels)) {
    const auto tied_positives = static_cast<uint64_t>(tie.positives);
    const auto tied_negatives = static_cast<uint64_t>(tie.rows - tie.positives);
    negatives_below -= tied_negatives;
    wins += tied_positives * (2 * negatives_below + tied_negatives);
  }
  return static_cast<double>(wins) / (2.0 * static_cast<double>(positives) * static_cast<double>(negatives));
}

Result<double> AveragePrecision(std::span<const double> scores, std::span<const uint8_t> labels) {
  MR_RETURN_IF_ERROR(CheckRows(scores, labels));
  MR_RETURN_IF_ERROR(RequirePositives(labels));
  const auto positives = static_cast<double>(Positives(labels));
  double sum = 0;
  int64_t rows = 0;
  int64_t found = 0;
  for (const Tie& tie : Ties(scores, labels)) {
    rows += tie.rows;
    found += tie.positives;
    const double precision = static_cast<double>(found) / static_cast<double>(rows);
    sum += static_cast<double>(tie.positives) / positives * precision;
  }
  return sum;
}

Result<double> LogLoss(std::span<const double> scores, std::span<const uint8_t> labels) {
  MR_RETURN_IF_ERROR(CheckRows(scores, labels));
  MR_RETURN_IF_ERROR(CheckProbabilities(scores));
  constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  double sum = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    const double p = std::clamp(scores[i], kEpsilon, 1 - kEpsilon);
    sum -= labels[i] == 1 ? std::log(p) : std::log1p(-p);
  }
  return sum / static_cast<double>(scores.size());
}

Result<double> Brier(std::span<const double> scores, std::span<const uint8_t> labels) {
  MR_RETURN_IF_ERROR(CheckRows(scores, labels));
  MR_RETURN_IF_ERROR(CheckProbabilities(scores));
  double sum = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    const double difference = scores[i] - static_cast<double>(labels[i]);
    sum += difference * difference;
  }
  return sum / static_cast<double>(scores.size());
}

Result<double> PrecisionAtK(std::span<const double> scores, std::span<const uint8_t> labels, int64_t k) {
  MR_RETURN_IF_ERROR(CheckK(k));
  MR_RETURN_IF_ERROR(CheckRows(scores, labels));
  return PositivesInTop(scores, labels, k) / static_cast<double>(k);
}

Result<double> RecallAtK(std::span<const double> scores, std::span<const uint8_t> labels, int64_t k) {
  MR_RETURN_IF_ERROR(CheckK(k));
  MR_RETURN_IF_ERROR(CheckRows(scores, labels));
  MR_RETURN_IF_ERROR(RequirePositives(labels));
  return PositivesInTop(scores, labels, k) / static_cast<double>(Positives(labels));
}

Result<PrecisionByPeriod> PrecisionAtKPerEntity(std::span<const double> scores,
                                                std::span<const uint8_t> labels,
                                                std::span<const int64_t> entities,
                                                std::span<const int64_t> times, int64_t k, Micros every,
                                                EventTime origin) {
  MR_RETURN_IF_ERROR(CheckK(k));
  MR_RETURN_IF_ERROR(CheckRows(scores, labels));
  if (entities.size() != scores.size() || times.size() != scores.size()) {
    return InvalidArgument("there are {} scores, {} entities and {} times", scores.size(), entities.size(),
                           times.size());
  }
  if (every.count() <= 0) return InvalidArgument("the period of precision per entity must be longer than 0");
  std::map<int64_t, std::vector<Suspect>> periods;
  for (size_t i = 0; i < scores.size(); ++i) {
    periods[PeriodOf(times[i], origin, every)].push_back({entities[i], scores[i], labels[i]});
  }
  PrecisionByPeriod result;
  std::set<int64_t> found;
  for (auto& [number, rows] : periods) {
    std::erase_if(rows, [&](const Suspect& row) { return found.contains(row.entity); });
    std::vector<Suspect> suspects = HighestOfEach(std::move(rows));
    result.positives.push_back(
        std::count_if(suspects.begin(), suspects.end(), [](const Suspect& s) { return s.label == 1; }));
    const auto top = static_cast<size_t>(std::min<int64_t>(k, static_cast<int64_t>(suspects.size())));
    std::partial_sort(suspects.begin(), suspects.begin() + static_cast<std::ptrdiff_t>(top), suspects.end(),
                      [](const Suspect& a, const Suspect& b) {
                        return a.score != b.score ? a.score > b.score : a.entity < b.entity;
                      });
    int64_t hits = 0;
    for (size_t i = 0; i < top; ++i) {
      if (suspects[i].label == 0) continue;
      ++hits;
      found.insert(suspects[i].entity);
    }
    result.period.push_back(origin + number * every);
    result.precision.push_back(static_cast<double>(hits) / static_cast<double>(k));
    result.mean += result.precision.back();
  }
  result.mean /= static_cast<double>(result.precision.size());
  return result;
}

}  // namespace millrace::training
