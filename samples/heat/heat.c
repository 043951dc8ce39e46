/* The heat equation u_t = u_xx + u_yy on the unit square, zero on its border, by the explicit
 * scheme: forward in time, centred in space.
 *
 *     heat SIZE FACTOR END
 *
 * SIZE cells along each side (h = 1/SIZE), a time step of about FACTOR h^2, until time END. The
 * start is sin(pi x) sin(pi y), so the solution is known: it decays as exp(-2 pi^2 t). Prints the
 * largest error, relative to the solution's height, as JSON.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: heat SIZE FACTOR END\n");
        return 1;
    }
    const int n = atoi(argv[1]);
    const double pi = acos(-1.0), h = 1.0 / n, end = atof(argv[3]);
    const long steps = lround(end / (atof(argv[2]) * h * h));
    const double r = end / steps / (h * h);
    const int row = n + 1;
    double *u = calloc((size_t)row * row, sizeof *u), *v = calloc((size_t)row * row, sizeof *v);
    if (n < 2 || steps < 1 || !u || !v) {
        fprintf(stderr, "heat: cannot solve this\n");
        return 1;
    }
    for (int i = 1; i < n; i++)
        for (int j = 1; j < n; j++)
            u[i * row + j] = sin(pi * i * h) * sin(pi * j * h);
    for (long step = 0; step < steps; step++) {
        for (int i = 1; i < n; i++)
            for (int j = 1; j < n; j++) {
                const double *c = u + i * row + j;
                v[i * row + j] = *c + r * (c[-1] + c[1] + c[-row] + c[row] - 4 * *c);
            }
        double *swap = u;
        u = v;
        v = swap;
    }
    const double height = exp(-2 * pi * pi * end);
    double error = 0;
    for (int i = 1; i < n; i++)
        for (int j = 1; j < n; j++) {
            const double exact = height * sin(pi * i * h) * sin(pi * j * h);
            error = fmax(error, fabs(u[i * row + j] - exact) / height);
        }
    printf("{\"size\": %d, \"factor\": %s, \"steps\": %ld, \"error\": %.6e}\n",
           n, argv[2], steps, error);
    return 0;
}
