import ArgumentParser
import Glibc

// A reader that has gone (`vinculum … | head`) ends the program quietly, by an error of the write and not by a signal.
signal(SIGPIPE, SIG_IGN)

await runProgram()
