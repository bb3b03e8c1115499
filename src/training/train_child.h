// The child's side of a training run: `millrace train --run DIR`.
//
// Reads DIR/job.json and the tables, trains with XGBoost (loaded from `lib/`
// beside the executable), writes a line a round to DIR/progress.jsonl, and at the
// end the model and DIR/result.json. SIGTERM ends it after the current round.
//
// Exit codes (the last line on standard error is always the reason, a sentence):
//   0  trained; model.ubj, model.json and result.json are there
//   2  the user's data, label or parameters cannot be trained on
//   3  out of memory: an allocation failed
//   4  XGBoost could not be loaded, or failed
//   5  the run directory cannot be read or written
//   143  ended by SIGTERM
//
// The same job and seed give the same model bytes on the same machine and library.
#pragma once

#include <string>

namespace millrace::training {

// Returns the exit code. Call once in a process: it handles SIGTERM from then on.
int RunTrainChild(const std::string& run_directory);

}  // namespace millrace::training
