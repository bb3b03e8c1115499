// Float32 arithmetic in the order of XGBoost 3.2 (src/common/math.h and
// src/objective), with the same functions of the C library, so that
// predictions have the same bits.
#include "inference/internal/link.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "base/text.h"

namespace millrace::inference::internal {
namespace {

using Start = Objective::Start;

constexpr std::array<Objective, 20> kObjectives = {{
    {"binary:hinge", Link::kStep, Start::kScore},
    {"binary:logistic", Link::kSigmoid, Start::kLogit},
    {"binary:logitraw", Link::kIdentity, Start::kScore},
    {"count:poisson", Link::kExp, Start::kLog},
    {"multi:softmax", Link::kArgMax, Start::kScore},
    {"multi:softprob", Link::kSoftmax, Start::kScore},
    {"rank:map", Link::kIdentity, Start::kScore},
    {"rank:ndcg", Link::kIdentity, Start::kScore},
    {"rank:pairwise", Link::kIdentity, Start::kScore},
    {"reg:absoluteerror", Link::kIdentity, Start::kScore},
    {"reg:gamma", Link::kExp, Start::kLog},
    {"reg:linear", Link::kIdentity, Start::kScore},
    {"reg:logistic", Link::kSigmoid, Start::kLogit},
    {"reg:pseudohubererror", Link::kIdentity, Start::kScore},
    {"reg:quantileerror", Link::kIdentity, Start::kScore},
    {"reg:squarederror", Link::kIdentity, Start::kScore},
    {"reg:squaredlogerror", Link::kIdentity, Start::kScore},
    {"reg:tweedie", Link::kExp, Start::kLog},
    {"survival:aft", Link::kExpDouble, Start::kLog},
    {"survival:cox", Link::kExp, Start::kLog},
}};

float Sigmoid(float x) {
  x = std::min(-x, 88.7F);  // keeps expf finite
  const float denominator = std::exp(x) + 1.0F + 1e-16F;
  return 1.0F / denominator;
}

void Softmax(std::span<float> row) {
  float highest = row[0];
  for (const float margin : row.subspan(1)) highest = std::fmax(margin, highest);
  double sum = 0;
  for (float& margin : row) {
    margin = std::exp(margin - highest);
    sum += static_cast<double>(margin);
  }
  for (float& margin : row) margin /= static_cast<float>(sum);
}

}  // namespace

Result<Objective> FindObjective(std::string_view name) {
  std::vector<std::string> known;
  for (const Objective& objective : kObjectives) {
    if (objective.name == name) return objective;
    known.emplace_back(objective.name);
  }
  const std::string nearest = Nearest(name, known);
  return Unimplemented("the objective '{}' is not known{}; known are {}", name,
                       nearest.empty() ? "" : ", did you mean '" + nearest + "'?", Join(known, ", "));
}

float MarginOfScore(const Objective& objective, float base_score) {
  constexpr float kSmallest = 1e-6F;
  switch (objective.start) {
    case Start::kScore:
      return base_score;
    case Start::kLogit: {
      if (!(base_score >= 0.0F && base_score <= 1.0F)) return std::nanf("");
      const float score = std::min(std::max(base_score, kSmallest), 1.0F - kSmallest);
      return -std::log(1.0F / score - 1.0F);
    }
    case Start::kLog:
      return std::log(base_score);
  }
  return base_score;
}

void ApplyLink(Link link, size_t outputs, std::span<float> margins) {
  switch (link) {
    case Link::kIdentity:
      return;
    case Link::kSigmoid:
      for (float& margin : margins) margin = Sigmoid(margin);
      return;
    case Link::kExp:
      for (float& margin : margins) margin = std::exp(margin);
      return;
    case Link::kExpDouble:
      for (float& margin : margins) margin = static_cast<float>(std::exp(static_cast<double>(margin)));
      return;
    case Link::kStep:
      for (float& margin : margins) margin = margin > 0.0F ? 1.0F : 0.0F;
      return;
    case Link::kSoftmax:
      for (size_t at = 0; at + outputs <= margins.size(); at += outputs)
        Softmax(margins.subspan(at, outputs));
      return;
    case Link::kArgMax:
      for (size_t row = 0; (row + 1) * outputs <= margins.size(); ++row) {
        const auto values = margins.subspan(row * outputs, outputs);
        margins[row] = static_cast<float>(std::max_element(values.begin(), values.end()) - values.begin());
      }
      return;
  }
}

}  // namespace millrace::inference::internal
