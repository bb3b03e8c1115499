// What an XGBoost objective does between margins and predictions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/status.h"

namespace millrace::inference::internal {

// Margin to prediction. kExpDouble is exp in double, rounded to float32.
enum class Link : uint8_t { kIdentity, kSigmoid, kExp, kExpDouble, kStep, kSoftmax, kArgMax };

struct Objective {
  std::string_view name;
  Link link = Link::kIdentity;
  // How base_score becomes the first margin: as it is, by logit, or by log.
  enum class Start : uint8_t { kScore, kLogit, kLog } start = Start::kScore;
};

// By XGBoost's name; InvalidArgument lists what is known and the nearest one.
Result<Objective> FindObjective(std::string_view name);

// The margin that every row starts from. Infinite or NaN when the score is out of range.
float MarginOfScore(const Objective& objective, float base_score);

// In place over rows of `outputs` margins each. kArgMax leaves one value a row, at the front.
void ApplyLink(Link link, size_t outputs, std::span<float> margins);

}  // namespace millrace::inference::internal
