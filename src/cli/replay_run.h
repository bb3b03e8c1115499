// The replay of stored test rows against a running endpoint: every event is sent
// as a request by keys and request fields, in order, and what comes back is
// compared with what training had computed offline, bit by bit.
//
//   test.parquet ─▶ row ─▶ POST /v2/models/E/infer (features, learn) ─▶ vector, score ─▶ equal?
//                     └── columns known later, once they are: POST …/push
//
// One connection, one thread. A difference is counted and the first few are kept;
// a request that fails ends the replay.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "api/http/client.h"
#include "base/status.h"
#include "resource/spec.h"
#include "table/table.h"

namespace millrace::cli {

struct ReplayOptions {
  std::string infer_target;                     // "/v2/models/fraud/infer"
  std::string push_target;                      // of the source that the endpoint learns; "" for none
  std::string event_time;                       // columns of the source
  std::string event_id;                         // "" when events have none
  std::vector<resource::SourceColumn> columns;  // those with known_after count
  int64_t limit = 0;                            // rows; 0: all
  double rate = 0;  // requests a second, sent when they are due; 0: one after the other
  std::function<void(int64_t done, int64_t total)> progress;
};

struct Difference {
  int64_t row = 0;
  std::string what;  // a feature's name, or "score"
  std::string offline;
  std::string online;
};

struct ReplayResult {
  int64_t rows = 0;
  int64_t features = 0;  // of each vector
  int64_t different_vectors = 0;
  int64_t different_scores = 0;
  int64_t updates = 0;                  // columns known later that were pushed
  std::vector<Difference> differences;  // the first ones
  std::vector<double> scores;           // as they were served, a row each
  std::vector<int64_t> nanos;           // from when a request was due to its answer
  double seconds = 0;                   // of the whole
};

Result<ReplayResult> Replay(http::Client& client, const Table& rows, const ReplayOptions& options);

// The quantile by rank (nearest above); 0 for none. Sorts `values`.
int64_t Quantile(std::vector<int64_t>& values, double quantile);

// The body of the request for one row: each field as a tensor of one value.
std::string InferBody(const Table& rows, const std::vector<size_t>& fields, size_t row,
                      const std::string& id);

}  // namespace millrace::cli
