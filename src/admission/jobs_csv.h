// The simulator's jobs from CSV. The first line names the columns, in any order:
//
//   name,project,arrival,runs,pods,priority,pools,limit,checkpoint,nvidia.com/gpu,cpu
//   train-7,vision,3600,5400,4,10,gpu|spot,7200,600,8,16
//
//   name, project     required
//   arrival, runs     required; seconds, after the simulation's start and once it works
//   pods              1 when absent, as with the columns that follow their own defaults:
//   priority          0
//   pools             any; the best first, between bars
//   limit             none; seconds that it may run at most, known beforehand
//   checkpoint        none; seconds between checkpoints
//   preemptible       true
//   anything else     a resource of one pod: cpu in cores, others in whole numbers
//
// An empty field is an absent one. There are no quotes: a quote is refused, as are more
// than a million rows, 64 columns, and lines above 64 KiB. Pure, and thread safe. Fails
// with the line and the column.
#pragma once

#include <string_view>
#include <vector>

#include "admission/simulate.h"
#include "base/status.h"

namespace millrace::admission {

Result<std::vector<SimulatedJob>> ReadJobs(std::string_view text, EventTime start);

}  // namespace millrace::admission
