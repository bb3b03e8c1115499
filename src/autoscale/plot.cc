#include "autoscale/plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <vector>

#include "autoscale/quantity.h"
#include "base/civil_time.h"

namespace millrace::autoscale {
namespace {

using Value = std::function<double(const SimulationPoint&)>;

double Rate(const SimulationPoint& point) { return point.rate; }
double Existing(const SimulationPoint& point) { return point.replicas; }
double P99(const SimulationPoint& point) { return point.p99_ms; }

double Most(std::span<const SimulationResult> results, const Value& value) {
  double most = 0;
  for (const SimulationResult& result : results) {
    for (const SimulationPoint& point : result.series) most = std::max(most, value(point));
  }
  return most;
}

// "90 s in" as a time of day or of the trace: "00:01", "26:00".
std::string ClockText(Micros time) {
  const int64_t minutes = time.count() / kMinuteMicros;
  return fmt::format("{:02}:{:02}", minutes / 60, minutes % 60);
}

// At most three digits that matter.
std::string Short(double value) {
  if (value >= 100) return fmt::format("{:.0f}", value);
  return FormatReal(std::round(value * 100) / 100);
}

// --- In a terminal ---

constexpr std::array<const char*, 9> kBlocks = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

// The largest of each column's points, as blocks of eight heights; anything above zero shows.
std::string Blocks(const SimulationResult& result, const Value& value, double most, int columns,
                   bool logarithmic) {
  const auto points = static_cast<int64_t>(result.series.size());
  std::string line;
  for (int64_t c = 0; c < columns; ++c) {
    const int64_t first = c * points / columns;
    const int64_t last = std::max(first + 1, (c + 1) * points / columns);
    double largest = 0;
    for (int64_t i = first; i < std::min(last, points); ++i) {
      largest = std::max(largest, value(result.series[static_cast<size_t>(i)]));
    }
    double height = most > 0 ? largest / most : 0;
    if (logarithmic) height = most > 1 ? std::log1p(largest) / std::log1p(most) : height;
    const int level = largest <= 0 ? 0 : std::clamp(static_cast<int>(std::ceil(height * 8)), 1, 8);
    line += kBlocks[static_cast<size_t>(level)];
  }
  return line;
}

// --- SVG ---

// Okabe and Ito's colours, which the colour-blind can tell apart too.
constexpr std::array<const char*, 6> kColours = {"#0072B2", "#D55E00", "#009E73",
                                                 "#CC79A7", "#E69F00", "#56B4E9"};
constexpr double kWidth = 960, kLeft = 70, kRight = 20, kPanel = 170, kGap = 56, kTop = 60;

std::string Escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else if (c == '"') {
      escaped += "&quot;";
    } else if (static_cast<unsigned char>(c) >= 0x20) {
      escaped += c;
    }
  }
  return escaped;
}

// 1, 2 or 5 times a power of ten, so that about four steps reach `most`.
double Step(double most) {
  const double rough = most / 4;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (rough <= factor * power) return factor * power;
  }
  return 10 * power;
}

// One diagram: a title, axes, and a line for each series.
class Panel {
 public:
  Panel(double top, double seconds, double low, double high, bool logarithmic)
      : top_(top), seconds_(seconds), low_(low), high_(high), logarithmic_(logarithmic) {}

  double X(double second) const { return kLeft + second / seconds_ * (kWidth - kLeft - kRight); }
  double Y(double value) const {
    const double clamped = std::clamp(value, low_, high_);
    const double part =
        logarithmic_ ? std::log(clamped / low_) / std::log(high_ / low_) : (clamped - low_) / (high_ - low_);
    return top_ + kPanel * (1 - part);
  }

  std::string Frame(std::string_view title) const {
    std::string svg =
        fmt::format("<text x='{}' y='{:.1f}' class='title'>{}</text>\n", kLeft, top_ - 8, Escape(title));
    for (const double value : Ticks()) {
      svg += fmt::format("<line x1='{}' x2='{}' y1='{:.1f}' y2='{:.1f}' class='grid'/>", kLeft,
                         kWidth - kRight, Y(value), Y(value));
      svg +=
          fmt::format("<text x='{}' y='{:.1f}' class='y'>{}</text>\n", kLeft - 8, Y(value) + 4, Short(value));
    }
    return svg;
  }

  // As steps, since each value holds for its whole piece. Gaps where there is nothing to show on a log axis.
  std::string Line(const SimulationResult& result, const Value& value, std::string_view colour) const {
    std::string path;
    bool down = false;
    for (size_t i = 0; i < result.series.size(); ++i) {
      const double begin = std::chrono::duration<double>(result.series[i].begin).count();
      const double end = i + 1 < result.series.size()
                             ? std::chrono::duration<double>(result.series[i + 1].begin).count()
                             : seconds_;
      const double at = value(result.series[i]);
      if (logarithmic_ && at <= 0) {
        down = false;
        continue;
      }
      path += fmt::format("{}{:.1f},{:.1f} H{:.1f} ", down ? "L" : "M", X(begin), Y(at), X(end));
      down = true;
    }
    return fmt::format("<path d='{}' stroke='{}' class='line'/>\n", path, colour);
  }

 private:
  std::vector<double> Ticks() const {
    std::vector<double> ticks;
    if (logarithmic_) {
      for (double value = low_; value <= high_ * 1.001; value *= 10) ticks.push_back(value);
    } else {
      const double step = Step(high_ - low_);
      for (double value = low_; value <= high_ * 1.001; value += step) ticks.push_back(value);
    }
    return ticks;
  }

  double top_, seconds_, low_, high_;
  bool logarithmic_;
};

double RoundedUp(double most) {
  if (!(most > 0)) return 1;
  const double step = Step(most);
  return std::ceil(most / step - 1e-9) * step;
}

std::string TimeAxis(const Panel& panel, double top, Micros duration) {
  std::string svg;
  constexpr int kMarks = 12;
  for (int i = 0; i <= kMarks; ++i) {
    const Micros time = duration * i / kMarks;
    const double x = panel.X(std::chrono::duration<double>(time).count());
    svg +=
        fmt::format("<text x='{:.1f}' y='{:.1f}' class='x'>{}</text>", x, top + kPanel + 18, ClockText(time));
  }
  return svg + "\n";
}

}  // namespace

std::string TextPlot(const Trace& trace, std::span<const SimulationResult> results, int columns) {
  if (results.empty()) return "";
  size_t label = std::string_view("requests/s").size();
  for (const SimulationResult& result : results) label = std::max(label, result.policy.size() + 9);
  constexpr int kFigures = 14;  // to the right of the blocks
  const int width = std::max(16, std::max(40, columns) - static_cast<int>(label) - 2 - kFigures);
  std::string text;
  const auto line = [&](const std::string& name, const std::string& blocks, const std::string& most) {
    text += fmt::format("{:<{}}  {} {}\n", name, label, blocks, most);
  };
  const auto figure = [](double most, bool ms) {
    if (!ms) return "≤ " + Short(most);
    return most < 1000 ? fmt::format("≤ {} ms", Short(most)) : fmt::format("≤ {} s", Short(most / 1000));
  };
  const auto draw = [&](const std::string& name, const SimulationResult& result, const Value& value,
                        bool ms) {
    const double most = Most(std::span<const SimulationResult>(&result, 1), value);
    line(name, Blocks(result, value, most, width, ms), figure(most, ms));
  };
  draw("requests/s", results[0], Rate, false);
  for (const SimulationResult& result : results) {
    draw(result.policy + " replicas", result, Existing, false);
    draw(result.policy + " p99", result, P99, true);
  }
  std::string axis(static_cast<size_t>(width), ' ');
  for (int i = 0; i < 4; ++i) {
    const std::string mark = ClockText(trace.duration * i / 4);
    const auto at = static_cast<size_t>(width * i / 4);
    if (at + mark.size() <= axis.size()) axis.replace(at, mark.size(), mark);
  }
  line("", axis, ClockText(trace.duration));
  return text;
}

std::string SvgPlot(const Trace& trace, std::span<const SimulationResult> results) {
  const double seconds = std::chrono::duration<double>(trace.duration).count();
  const double height = kTop + 3 * (kPanel + kGap);
  std::string svg = fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {0} {1}' width='{0}' height='{1}' role='img'>\n"
      "<title>{2}: traffic, replicas and latency</title>\n"
      "<style>text{{font:12px sans-serif;fill:#333}} .title{{font-weight:bold}} .y{{text-anchor:end}} "
      ".x{{text-anchor:middle}} .grid{{stroke:#ddd;stroke-width:1}} "
      ".line{{fill:none;stroke-width:1.5}}</style>\n"
      "<rect width='{0}' height='{1}' fill='white'/>\n",
      kWidth, height, Escape(trace.name));
  double x = kLeft;
  for (size_t i = 0; i < results.size(); ++i) {
    const SimulationResult& result = results[i];
    const std::string name =
        fmt::format("{}: p99 {} ms, cost {:.2f}", result.policy, Short(result.p99_ms), result.cost);
    svg += fmt::format(
        "<rect x='{:.0f}' y='14' width='12' height='12' fill='{}'/><text x='{:.0f}' y='24'>{}</text>\n", x,
        kColours[i % kColours.size()], x + 17, Escape(name));
    x += 40 + 6.5 * static_cast<double>(name.size());
  }
  // Around 10 ms to 10 s: the decades that the values are in.
  double least_ms = 1e9;
  for (const SimulationResult& result : results) {
    for (const SimulationPoint& point : result.series) {
      if (point.p99_ms > 0) least_ms = std::min(least_ms, point.p99_ms);
    }
  }
  const double most_ms = std::max(1.0, Most(results, P99));
  const double low = std::pow(10, std::floor(std::log10(std::min(least_ms, most_ms))));
  const double high = std::max(low * 10, std::pow(10, std::ceil(std::log10(most_ms))));
  struct Diagram {
    const char* title;
    Value value;
    double low, high;
    bool logarithmic;
  };
  const Diagram diagrams[] = {{"requests/s", Rate, 0, RoundedUp(Most(results, Rate)), false},
                              {"replicas", Existing, 0, RoundedUp(Most(results, Existing)), false},
                              {"p99 in ms", P99, low, high, true}};
  double top = kTop;
  for (const Diagram& diagram : diagrams) {
    const Panel panel(top, seconds, diagram.low, diagram.high, diagram.logarithmic);
    svg += panel.Frame(diagram.title);
    const bool traffic = &diagram == &diagrams[0];  // the same for all
    for (size_t i = 0; i < (traffic ? std::min<size_t>(1, results.size()) : results.size()); ++i) {
      svg += panel.Line(results[i], diagram.value, traffic ? "#333" : kColours[i % kColours.size()]);
    }
    svg += TimeAxis(panel, top, trace.duration);
    top += kPanel + kGap;
  }
  return svg + "</svg>\n";
}

}  // namespace millrace::autoscale
