/**
 * What a client counts about its connections.
 *
 * @module
 */

/** What a client has done since it was made. */
export interface HttpCounters {
  /** Connections that were opened. */
  connectionsOpened: number;
  /** Attempts to connect that failed or were given up. */
  connectFailures: number;
  /** The time that all opened connections took to open, in milliseconds. */
  connectMsSum: number;
  /** Requests that were put on a connection that was open before. */
  reused: number;
  /** Requests that were written again because a reused connection ended without a byte. */
  staleRetries: number;
  /** Idle connections that were closed at the idle limit. */
  idleRetired: number;
  /** Idle connections that the server closed. */
  idleClosed: number;
  /** Idle connections that were closed because bytes came that nobody had asked for. */
  unsolicited: number;
}

/** Makes counters that stand at 0. */
export function createCounters(): HttpCounters {
  return {
    connectionsOpened: 0,
    connectFailures: 0,
    connectMsSum: 0,
    reused: 0,
    staleRetries: 0,
    idleRetired: 0,
    idleClosed: 0,
    unsolicited: 0,
  };
}
