// The check of definitions before they are stored: resource/definition_check.h,
// with the functions that compile them for the reconcilers (plans.h).
//
//   Diagnostics wrong = Validate(set.documents, {}, CheckDefinitions());   // offline, without a server
//
// What it tells: expressions, conditions, defaults and types of FeatureViews and
// FeatureServices; labels, conditions, metrics, gates and parameters of Models and
// TrainingJobs; columns that a DataSource names and its data has not.
//
// The columns of a source are those that it declares (push), those of its table of
// events when that was made from its files as they are, or else those that headers
// and samples of its files tell. A source whose files are not there (yet), or are
// more than 64 of text and not read yet, has none to check against: nothing is said of
// what depends on it, and the conditions of the resources will tell.
//
// Reads files and tables; keeps nothing. Thread safe.
#pragma once

#include <string>

#include "resource/definition_check.h"

namespace millrace::controller {

// `data_dir`: where tables of events are found; "" without a server.
resource::DefinitionCheck CheckDefinitions(std::string data_dir = "");

}  // namespace millrace::controller
