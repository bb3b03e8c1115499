// Simulations as pictures: lines of blocks for a terminal, or an SVG document.
// Both show the traffic, and for each policy its replicas and its p99 over time.
// Pure; results of one trace, with the same number of points.
#pragma once

#include <span>
#include <string>

#include "autoscale/simulation.h"
#include "autoscale/trace.h"

namespace millrace::autoscale {

// `columns` wide at most; at least 40. Each line has a scale of its own, whose top is beside it; that of
// latencies is logarithmic.
std::string TextPlot(const Trace& trace, std::span<const SimulationResult> results, int columns);

// Self-contained: no script, no reference to anything outside.
std::string SvgPlot(const Trace& trace, std::span<const SimulationResult> results);

}  // namespace millrace::autoscale
