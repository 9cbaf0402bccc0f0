import Glibc
import PluginHost

// A host for plugins' child processes, so that tests need no whole node for it.
exit(PluginChild.main(arguments: CommandLine.arguments))
