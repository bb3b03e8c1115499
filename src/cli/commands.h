// The subcommands, one a file; commands.cc puts them in order.
#pragma once

#include "cli/command.h"

namespace millrace::cli {

Command UpCommand();
Command OperatorCommand();
Command ApplyCommand();
Command ValidateCommand();
Command GetCommand();
Command DescribeCommand();
Command DeleteCommand();
Command ExplainCommand();
Command CrdsCommand();
Command KubeconfigCommand();
Command WaitCommand();
Command LogsCommand();
Command PredictCommand();
Command FeaturesCommand();
Command ModelsCommand();
Command ReplayCommand();
Command SampleCommand();
Command TokenCommand();
Command AuditCommand();
Command SimulateCommand();
Command TrainCommand();
Command VersionCommand();
Command CompletionCommand();

}  // namespace millrace::cli
