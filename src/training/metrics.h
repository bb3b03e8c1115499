// Metrics of a binary classifier: of scores (higher is more likely positive)
// against labels, 0 or 1. Equal scores are one threshold: the order of tied rows
// never changes a result.
//
//   MR_ASSIGN_OR_RETURN(double auc, AucRoc(scores, labels));
//
// Pure functions, thread safe. InvalidArgument, in a sentence: no rows, lengths that differ, a score
// that is NaN, a label other than 0 and 1, or one class where a metric needs both.
//
// AucRoc            area under the ROC curve = P(score of a positive > of a negative),
//                   ties counted half (Hanley & McNeil 1982; Mann-Whitney U). O(n log n).
// AveragePrecision  Σ (Rₙ − Rₙ₋₁) Pₙ over distinct thresholds, descending, without
//                   interpolation: scikit-learn's average_precision_score.
// LogLoss           mean of −log p of the true class; p is clipped to [ε, 1−ε] with the
//                   ε of float64, as scikit-learn does. Scores must be within [0, 1].
// Brier             mean of (p − y)². Scores must be within [0, 1].
// PrecisionAtK      share of positives among the k highest scores. When the k-th score is
// RecallAtK         tied beyond k, the tied rows count in proportion (the expectation
//                   over their orders). k above the number of rows takes all of them,
//                   and precision still divides by k.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "resource/diagnostics.h"
#include "resource/spec.h"

namespace millrace::training {

Result<double> AucRoc(std::span<const double> scores, std::span<const uint8_t> labels);
Result<double> AveragePrecision(std::span<const double> scores, std::span<const uint8_t> labels);
Result<double> LogLoss(std::span<const double> scores, std::span<const uint8_t> labels);
Result<double> Brier(std::span<const double> scores, std::span<const uint8_t> labels);
Result<double> PrecisionAtK(std::span<const double> scores, std::span<const uint8_t> labels, int64_t k);
Result<double> RecallAtK(std::span<const double> scores, std::span<const uint8_t> labels, int64_t k);

// Precision at k per entity and period ("card precision@100" of the Fraud Detection
// Handbook, section "Precision top-k metrics"; Le Borgne et al. 2022). Rows are cut
// into periods of `every`, counted from `origin`. In each period an entity has
// the highest score and the highest label of its rows; the k highest entities are
// inspected; the share of them (of k) that is positive is the period's precision. An
// entity found positive is blocked: its rows in later periods are left out. The
// result is the mean over the periods that have rows. Ties at the k-th score go to
// the smaller entity number.
//
// `entities` are numbers of the rows' entities, `times` event times in microseconds.
struct PrecisionByPeriod {
  double mean = 0;
  std::vector<double> precision;   // of each period that has rows, in order
  std::vector<EventTime> period;   // its start
  std::vector<int64_t> positives;  // positive entities in it, before looking
};
Result<PrecisionByPeriod> PrecisionAtKPerEntity(std::span<const double> scores,
                                                std::span<const uint8_t> labels,
                                                std::span<const int64_t> entities,
                                                std::span<const int64_t> times, int64_t k, Micros every,
                                                EventTime origin);

// What a metric is called in results, gates and the registry: "auc_roc",
// "precision_at_100" (with or without `per`).
std::string MetricName(const resource::MetricSpec& spec);

// The metrics that are always computed, in the order they are shown: auc_roc,
// average_precision, log_loss, brier.
const std::vector<std::string>& StandardMetrics();

// What is wrong with them, by field ("[0].k"): an unknown metric, with the nearest
// known name, a missing or needless k, `every` without `per`, two of one name.
std::vector<resource::FieldProblem> CheckMetrics(std::span<const resource::MetricSpec> specs);
// InvalidArgument with all of that, a line each.
Status ValidateMetrics(std::span<const resource::MetricSpec> specs);

}  // namespace millrace::training
