/**
 * Starts to measure how long this process works, in milliseconds: the smaller of wall and CPU time, so that a busy
 * machine does not count, nor do threads that work beside the main one.
 */
export function stopwatch(): () => number {
  const wall = performance.now();
  const cpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return Math.min(performance.now() - wall, (user + system) / 1000);
  };
}
