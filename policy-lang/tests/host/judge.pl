#!/usr/bin/perl
# Runs the installed ferm on many configurations in one process: the program is compiled once, and every configuration
# is read by a child of its own. On standard input: lines of arguments, separated by tabs, of which the last is the
# configuration. What ferm prints goes to CONFIGURATION.out and CONFIGURATION.err; on standard output stands one
# status a line.
use strict;
use warnings;

my ($program) = @ARGV;
open my $file, '<', $program or die "$program: $!";
my $text = do { local $/; <$file> };
close $file;
$text =~ s/^__(END|DATA)__\n.*//ms;
# A named function: what it defines inside shares its variables with the first call, and every child calls it once.
{
    no strict;
    no warnings;
    eval "sub read_configuration {\n#line 1 \"$program\"\n$text\n} 1" or die "$program does not compile: $@";
}

$| = 1;
while (my $line = <STDIN>) {
    chomp $line;
    my @arguments = split /\t/, $line;
    my $configuration = $arguments[-1];
    my $child = fork;
    defined $child or die "fork: $!";
    if ($child == 0) {
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', "$configuration.out" or die $!;
        open STDERR, '>', "$configuration.err" or die $!;
        # Includes are relative to the configuration, and $FILENAME is what is given here.
        my ($folder, $name) = $configuration =~ m{^(.*)/([^/]+)$} or die "$configuration: no folder";
        chdir $folder or die "$folder: $!";
        @ARGV = (@arguments[0 .. $#arguments - 1], $name);
        $0 = $program;
        no strict;
        no warnings;
        read_configuration();
        exit 0;
    }
    waitpid $child, 0;
    print "$?\n";
}
