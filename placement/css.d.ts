// Lets the entry import its styles: Vite takes them out into a file of their own.
// Must stay true: a style module has no value.
declare module '*.css'
