// The rows that `millrace replay` sends: every event of the test range, as a
// request sees it, with the vector and the score that training promised for it.
//
// Columns: the request's fields under their own names; then vector.NAME for each
// input of the model, margin (its float32, as a double), score, counts (the row is
// one of those that the metrics were computed on), label, entity.NAME for the
// metrics' entities that are no request fields, and the columns that become known
// later as later.NAME.
//
// All events are kept, not only the examples: what is not an example (a card that is
// known as compromised, a row that `where` leaves out) still counts in the
// windows of those after it.
#pragma once

#include <vector>

#include "controller/plans.h"
#include "feature/training_set.h"
#include "table/table.h"
#include "training/evaluate.h"

namespace millrace::controller::training_job {

inline constexpr std::string_view kReplayFile = "test.parquet";

struct ReplayRequest {
  const ModelState& state;
  const feature::Split& split;
  const feature::EventTables& events;
  const feature::TrainingSet& set;
  const training::TestRows& rows;
  std::string model_path;
};

Result<Table> ReplayRows(const ReplayRequest& request);

}  // namespace millrace::controller::training_job
