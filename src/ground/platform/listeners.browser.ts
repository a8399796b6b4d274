export function allowManyListeners(_signal: AbortSignal): void {}
