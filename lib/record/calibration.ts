/**
 * What the client itself adds to a latency.
 *
 * @module
 */

/** What the client itself adds to loads of one size and number of clients, and the most that it sends: measured against a null server. */
export interface Calibration {
  /** Requests in flight at which latencies were measured. */
  readonly clients: number;
  /** The body of a request in bytes; null in records of older versions. */
  readonly requestBytes: number | null;
  /** The body of an answer in bytes, about; null in records of older versions. */
  readonly answerBytes: number | null;
  /** The median latency in milliseconds: the client, the loopback and an answer that costs next to nothing. */
  readonly addedP50Ms: number;
  readonly addedP99Ms: number;
  /** The most requests a second that one process sends and checks, with as many in flight; 16 for open loads. */
  readonly ceilingRequestsPerSec: number;
  /** Requests/s x mean latency / connections at that rate: 1 for a client that loses no time. */
  readonly closedLoopRatio: number;
}
