#include "cli/command.h"

int main(int argc, char** argv) { return millrace::cli::RunMillrace(argc, argv); }
