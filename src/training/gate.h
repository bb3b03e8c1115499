// Gates: what a new version must reach to be promoted.
//
//   average_precision >= 0.6
//   average_precision >= champion.average_precision - 0.01
//   log_loss <= 1.05 * champion.log_loss
//
// Grammar (all of it; at most 256 bytes, 16 terms):
//   gate    = sum op sum             op = ">=" | "<=" | ">" | "<"
//   sum     = ["-"] term { ("+" | "-") term }
//   term    = [number "*"] metric | metric "*" number | number
//   metric  = ["champion."] name     name = [a-z_][a-z0-9_]*
//
// A champion metric is the champion's on the same test rows. Where there is no
// champion yet, a gate that names one passes, and its verdict says so.
//
// Pure functions and values. Errors point at the column: "column 22: …".
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace::training {

struct GateTerm {
  double factor = 1;   // with its sign
  std::string metric;  // "" for a constant
  bool champion = false;
};

struct Gate {
  enum class Op { kGreaterEqual, kLessEqual, kGreater, kLess };
  std::string text;  // as written
  std::vector<GateTerm> left;
  std::vector<GateTerm> right;
  Op op = Op::kGreaterEqual;
};

// `known` are the names of the metrics that will be there; an unknown name is
// InvalidArgument with the nearest of them.
Result<Gate> ParseGate(std::string_view text, std::span<const std::string> known);

using MetricValues = std::map<std::string, double>;

struct GateVerdict {
  std::string gate;
  bool passed = false;
  bool no_champion = false;  // it passed for want of one
  // "passed: average_precision is 0.637, at least 0.6", "failed: average_precision is 0.512, less than 0.6".
  std::string sentence;
};

// A metric that is absent or NaN fails the gate, and the sentence says which.
GateVerdict EvaluateGate(const Gate& gate, const MetricValues& metrics,
                         const std::optional<MetricValues>& champion);

struct GateDecision {
  bool passed = true;
  std::vector<GateVerdict> verdicts;
  std::string reason;  // one sentence for the version's status: which gates failed, or that all passed
};
GateDecision EvaluateGates(std::span<const Gate> gates, const MetricValues& metrics,
                           const std::optional<MetricValues>& champion);

}  // namespace millrace::training
