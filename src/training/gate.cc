#include "training/gate.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace millrace::training {
namespace {

// How the sentence of a gate that failed begins.
constexpr std::string_view kFailed = "failed: ";

constexpr size_t kMaxBytes = 256;
constexpr size_t kMaxTerms = 16;
constexpr std::string_view kChampion = "champion.";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || c == '_'; }

class Parser {
 public:
  Parser(std::string_view text, std::span<const std::string> known) : text_(text), known_(known) {}

  Result<Gate> Parse() {
    Gate gate;
    gate.text = std::string(text_);
    MR_ASSIGN_OR_RETURN(gate.left, Sum());
    MR_ASSIGN_OR_RETURN(gate.op, Operator());
    MR_ASSIGN_OR_RETURN(gate.right, Sum());
    SkipSpace();
    if (at_ < text_.size()) return Wrong("the gate should end here");
    if (!NamesMetric(gate.left) && !NamesMetric(gate.right)) {
      at_ = 0;
      return Wrong("a gate compares at least one metric of the new version");
    }
    return gate;
  }

 private:
  static bool NamesMetric(const std::vector<GateTerm>& terms) {
    return std::any_of(terms.begin(), terms.end(),
                       [](const GateTerm& t) { return !t.metric.empty() && !t.champion; });
  }

  Status Wrong(std::string_view what) const {
    return InvalidArgument(
        "column {}: {} in the gate '{}'; an example: average_precision >= champion.average_precision - 0.01",
        at_ + 1, what, text_);
  }

  void SkipSpace() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }

  bool Take(char c) {
    SkipSpace();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Result<std::vector<GateTerm>> Sum() {
    std::vector<GateTerm> terms;
    double sign = Take('-') ? -1 : 1;
    for (;;) {
      MR_ASSIGN_OR_RETURN(GateTerm term, Term());
      term.factor *= sign;
      terms.push_back(std::move(term));
      if (terms.size() > kMaxTerms) return Wrong(fmt::format("more than {} terms", kMaxTerms));
      if (Take('+')) {
        sign = 1;
      } else if (Take('-')) {
        sign = -1;
      } else {
        return terms;
      }
    }
  }

  Result<GateTerm> Term() {
    SkipSpace();
    if (at_ >= text_.size()) return Wrong("a metric or a number is missing at the end");
    if (IsDigit(text_[at_]) || text_[at_] == '.') {
      MR_ASSIGN_OR_RETURN(const double factor, Number());
      if (!Take('*')) return GateTerm{factor, "", false};
      MR_ASSIGN_OR_RETURN(GateTerm term, Metric());
      term.factor = factor;
      return term;
    }
    MR_ASSIGN_OR_RETURN(GateTerm term, Metric());
    if (Take('*')) {
      MR_ASSIGN_OR_RETURN(term.factor, Number());
    }
    return term;
  }

  Result<double> Number() {
    SkipSpace();
    double value = 0;
    const char* begin = text_.data() + at_;
    const char* end = text_.data() + text_.size();
    const bool starts = begin < end && (IsDigit(*begin) || *begin == '.');
    const auto [rest, error] = std::from_chars(begin, end, value);
    if (!starts || error != std::errc() || !std::isfinite(value)) return Wrong("a number is expected");
    at_ += static_cast<size_t>(rest - begin);
    return value;
  }

  Result<GateTerm> Metric() {
    SkipSpace();
    GateTerm term;
    if (text_.substr(at_).starts_with(kChampion)) {
      term.champion = true;
      at_ += kChampion.size();
    }
    const size_t begin = at_;
    while (at_ < text_.size() && (IsNameStart(text_[at_]) || (at_ > begin && IsDigit(text_[at_])))) ++at_;
    if (at_ == begin) return Wrong("a metric's name is expected");
    term.metric = std::string(text_.substr(begin, at_ - begin));
    if (std::find(known_.begin(), known_.end(), term.metric) != known_.end()) return term;
    at_ = begin;
    const std::string near = Nearest(term.metric, known_);
    return Wrong(near.empty()
                     ? fmt::format("there is no metric '{}' (there are {})", term.metric,
                                   Join(std::vector<std::string>(known_.begin(), known_.end()), ", "))
                     : fmt::format("there is no metric '{}', did you mean '{}'?", term.metric, near));
  }

  Result<Gate::Op> Operator() {
    SkipSpace();
    const std::string_view rest = text_.substr(at_);
    const struct {
      std::string_view text;
      Gate::Op op;
    } operators[] = {{">=", Gate::Op::kGreaterEqual},
                     {"<=", Gate::Op::kLessEqual},
                     {">", Gate::Op::kGreater},
                     {"<", Gate::Op::kLess}};
    for (const auto& candidate : operators) {
      if (!rest.starts_with(candidate.text)) continue;
      at_ += candidate.text.size();
      return candidate.op;
    }
    return Wrong("'>=', '<=', '>' or '<' is expected");
  }

  const std::string_view text_;
  const std::span<const std::string> known_;
  size_t at_ = 0;
};

bool Holds(double left, Gate::Op op, double right) {
  switch (op) {
    case Gate::Op::kGreaterEqual:
      return left >= right;
    case Gate::Op::kLessEqual:
      return left <= right;
    case Gate::Op::kGreater:
      return left > right;
    case Gate::Op::kLess:
      return left < right;
  }
  return false;
}

std::string_view Relation(Gate::Op op, bool passed) {
  switch (op) {
    case Gate::Op::kGreaterEqual:
      return passed ? "at least" : "less than";
    case Gate::Op::kLessEqual:
      return passed ? "at most" : "more than";
    case Gate::Op::kGreater:
      return passed ? "more than" : "not more than";
    case Gate::Op::kLess:
      return passed ? "less than" : "not less than";
  }
  return "";
}

// "average_precision", "champion.average_precision - 0.01", "1.05 * champion.log_loss".
std::string Describe(const std::vector<GateTerm>& terms) {
  std::string text;
  for (const GateTerm& term : terms) {
    const double size = std::abs(term.factor);
    const bool minus = std::signbit(term.factor);
    text += text.empty() ? (minus ? "-" : "") : (minus ? " - " : " + ");
    if (term.metric.empty()) {
      text += fmt::format("{}", size);
      continue;
    }
    if (size != 1) text += fmt::format("{} * ", size);
    text += fmt::format("{}{}", term.champion ? kChampion : "", term.metric);
  }
  return text;
}

bool IsConstant(const std::vector<GateTerm>& terms) { return terms.size() == 1 && terms[0].metric.empty(); }

bool NamesChampion(const std::vector<GateTerm>& terms) {
  return std::any_of(terms.begin(), terms.end(), [](const GateTerm& term) { return term.champion; });
}

// The sum, or the name of the metric that is absent or NaN.
struct SumResult {
  double value = 0;
  std::string missing;
};

SumResult Evaluate(const std::vector<GateTerm>& terms, const MetricValues& metrics,
                   const MetricValues& champion) {
  SumResult sum;
  for (const GateTerm& term : terms) {
    if (term.metric.empty()) {
      sum.value += term.factor;
      continue;
    }
    const MetricValues& values = term.champion ? champion : metrics;
    const auto it = values.find(term.metric);
    if (it == values.end() || std::isnan(it->second)) {
      sum.missing = fmt::format("{}{}", term.champion ? kChampion : "", term.metric);
      return sum;
    }
    sum.value += term.factor * it->second;
  }
  return sum;
}

// Six digits are more than anybody reads, unless they would hide the difference.
std::pair<std::string, std::string> Numbers(double left, double right) {
  std::string a = fmt::format("{:.6g}", left);
  std::string b = fmt::format("{:.6g}", right);
  if (a == b && left != right) return {fmt::format("{}", left), fmt::format("{}", right)};
  return {a, b};
}

}  // namespace

Result<Gate> ParseGate(std::string_view text, std::span<const std::string> known) {
  if (text.size() > kMaxBytes) {
    return InvalidArgument("a gate has {} bytes; at most {} are allowed", text.size(), kMaxBytes);
  }
  return Parser(text, known).Parse();
}

GateVerdict EvaluateGate(const Gate& gate, const MetricValues& metrics,
                         const std::optional<MetricValues>& champion) {
  GateVerdict verdict;
  verdict.gate = gate.text;
  if (!champion && (NamesChampion(gate.left) || NamesChampion(gate.right))) {
    verdict.passed = true;
    verdict.no_champion = true;
    verdict.sentence =
        fmt::format("passed: '{}' has nothing to compare with, as there is no champion yet", gate.text);
    return verdict;
  }
  const MetricValues none;
  const MetricValues& other = champion ? *champion : none;
  const SumResult left = Evaluate(gate.left, metrics, other);
  const SumResult right = Evaluate(gate.right, metrics, other);
  const std::string& missing = left.missing.empty() ? right.missing : left.missing;
  if (!missing.empty()) {
    verdict.sentence =
        fmt::format("{}'{}' cannot be judged, as {} was not computed", kFailed, gate.text, missing);
    return verdict;
  }
  verdict.passed = Holds(left.value, gate.op, right.value);
  const auto [a, b] = Numbers(left.value, right.value);
  verdict.sentence = fmt::format("{}{} is {}, {} {}", verdict.passed ? "passed: " : kFailed,
                                 Describe(gate.left), a, Relation(gate.op, verdict.passed), b);
  if (!IsConstant(gate.right)) verdict.sentence += fmt::format(" ({})", Describe(gate.right));
  return verdict;
}

GateDecision EvaluateGates(std::span<const Gate> gates, const MetricValues& metrics,
                           const std::optional<MetricValues>& champion) {
  GateDecision decision;
  std::vector<std::string> failed;
  for (const Gate& gate : gates) {
    decision.verdicts.push_back(EvaluateGate(gate, metrics, champion));
    if (!decision.verdicts.back().passed)
      failed.push_back(decision.verdicts.back().sentence.substr(kFailed.size()));
  }
  decision.passed = failed.empty();
  if (gates.empty()) {
    decision.reason = "there are no gates";
  } else if (decision.passed) {
    decision.reason = fmt::format("all {} gates passed", gates.size());
  } else {
    decision.reason =
        fmt::format("{} of {} gates failed: {}", failed.size(), gates.size(), Join(failed, "; "));
  }
  return decision;
}

}  // namespace millrace::training
