/**
 * The requests of a load, none of which is made between two sends.
 *
 * @module
 */
import {
  isRenewable,
  renewableBody,
  requestBody,
  type WorkloadSpec,
} from "../score/workload.ts";

/** The most bytes of copies that are made before a load; an open load may have more in flight. */
const AHEAD_BYTES = 32 * 1024 * 1024;

/** The most bytes of requests that are no copies: 5,000 of 500 items, which take a millisecond each to make. */
const MADE_BYTES = 256 * 1024 * 1024;

/**
 * Hands out requests of one workload. A request is a copy of the first, of which only the bytes that make it new are
 * written; a copy that was given back is the next request. Requests of a file or of drawn lengths are made before.
 */
export class RequestStore {
  readonly #first: Uint8Array;
  readonly #bodyOffset: number;
  readonly #renew:
    | ((bytes: Uint8Array, from: number, index: number) => void)
    | null;
  readonly #free: Uint8Array[] = [];
  /** Requests that are not copies of each other, by their index. */
  readonly #made = new Map<number, Uint8Array>();
  readonly #make: ((index: number) => Uint8Array) | null = null;
  readonly #distinct: number = Infinity;

  /**
   * Writes the first request.
   *
   * @param encode Makes a request of a body.
   * @param ahead The indices of the load in their order; requests that are not copies of each other are made for as
   * many of them as fit.
   * @param inFlight How many requests will be under way at a time; for so many there are copies before the load.
   * @throws {RangeError} If the request is one that is known to end a server.
   */
  constructor(
    spec: WorkloadSpec,
    { encode, inFlight, ahead = [] }: {
      readonly encode: (body: Uint8Array) => Uint8Array;
      readonly inFlight: number;
      readonly ahead?: Iterable<number>;
    },
  ) {
    if (!isRenewable(spec)) {
      const make = (index: number) => encode(requestBody(spec, index));
      this.#make = make;
      this.#distinct = spec.requests?.length ?? Infinity;
      this.#first = make(0);
      this.#bodyOffset = 0;
      this.#renew = null;
      let bytes = 0;
      for (const index of spec.requests?.keys() ?? ahead) {
        if (bytes > MADE_BYTES) break;
        const request = make(index);
        this.#made.set(index, request);
        bytes += request.length;
      }
      return;
    }
    const { bytes, isRenewed, renew } = renewableBody(spec);
    this.#first = encode(bytes);
    this.#bodyOffset = this.#first.length - bytes.length;
    this.#renew = isRenewed ? renew : null;
    if (!isRenewed) return;
    const most = Math.floor(AHEAD_BYTES / this.#first.length);
    for (let i = 0; i < Math.min(inFlight, most); i++) {
      this.#free.push(this.#first.slice());
    }
  }

  /** How long each request is, in bytes. */
  get requestBytes(): number {
    return this.#first.length;
  }

  /** Returns the request with an index; it is the caller's until it is given back. */
  take(index: number): Uint8Array {
    if (this.#make !== null) {
      const own = index % this.#distinct;
      return this.#made.get(own) ?? this.#make(own);
    }
    if (this.#renew === null) return this.#first;
    const request = this.#free.pop() ?? this.#first.slice();
    this.#renew(request, this.#bodyOffset, index);
    return request;
  }

  /** Takes a request back of which nothing is left to be sent: the next one is written over it. */
  give(request: Uint8Array): void {
    if (this.#renew !== null) this.#free.push(request);
  }
}
