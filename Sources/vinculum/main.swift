import ArgumentParser
import Glibc
import PluginHost

// The same program hosts a plugin in a process of its own; nothing of the command line runs there.
if PluginChild.isRequested(CommandLine.arguments) { exit(PluginChild.main(arguments: CommandLine.arguments)) }

// A reader that has gone (`vinculum … | head`) ends the program quietly, by an error of the write and not by a signal.
signal(SIGPIPE, SIG_IGN)

ParentDeath.followEnvironment()
await runProgram()
